/** A file that a task's containers get bound. */
export interface TaskFile {
  /** Name below the task's own directory, no slashes. */
  readonly name: string;
  readonly content: Uint8Array;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/** Files of tasks, on tmpfs (`/run`): they hold secrets and die with the machine. */
export interface TaskFiles {
  /**
   * Writes the files of a task, replacing what was there; returns the absolute path of each, by
   * name.
   */
  write(taskId: string, files: readonly TaskFile[]): Promise<ReadonlyMap<string, string>>;
  remove(taskId: string): Promise<void>;
  /** Ids of the tasks that have files. */
  list(): Promise<readonly string[]>;
}
