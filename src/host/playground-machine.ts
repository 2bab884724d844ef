import type { Clock } from './clock.ts';
import type { HttpPeer } from './http.ts';
import type { Random } from './random.ts';

export interface ProgramEnd {
  readonly code: number;
  /** Its standard output. */
  readonly output: string;
  /** Its standard error. */
  readonly complaint: string;
}

export interface ProgramRun {
  readonly program: string;
  readonly parameters: readonly string[];
  /** Added to what this process has. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Its standard input. */
  readonly input?: string;
}

export type NamespaceKind = 'net' | 'pid' | 'mnt';

/** A process as the kernel shows it now. */
export interface MachineProcess {
  readonly pid: number;
  readonly parentPid: number;
  /** Its number in its own process namespace: 1 for the first process of a host. */
  readonly innerPid: number;
  /** Which process namespace it is in; a name for comparing. */
  readonly pidNamespace: string;
  /** Stopped by a signal (SIGSTOP). */
  readonly isStopped: boolean;
  /** The command line. */
  readonly words: readonly string[];
  /** Those of its environment that were asked for. */
  readonly environment: Readonly<Record<string, string>>;
}

export interface ImageTransfer {
  /** Of the container engine. */
  readonly socketPath: string;
  /** As `docker save` writes it. */
  readonly archive: string;
  readonly signal: AbortSignal;
}

/** What a playground needs of the machine that it is made on. */
export interface PlaygroundMachine {
  readonly clock: Clock;
  readonly random: Random;
  /** Program and first arguments of a `tutti` as this one. */
  readonly tuttiCommand: readonly [string, ...string[]];
  readonly isRoot: boolean;

  /** The path of a program; undefined where the machine has none of that name. */
  findProgram(name: string): string | undefined;
  /** Runs a program to its end, whichever that is. */
  run(call: ProgramRun): Promise<ProgramEnd>;
  /** Starts a program that outlives this process, and returns its process id. */
  start(call: ProgramRun & { readonly logFile: string }): Promise<number>;
  /** Runs a program on the terminal of this process; resolves to its exit code. */
  runOnTerminal(call: ProgramRun): Promise<number>;

  /** All processes that are not over, with these variables of their environment. */
  listProcesses(variables: readonly string[]): readonly MachineProcess[];
  /** Whether there is such a process, one that is over and not cleared away included. */
  hasProcess(pid: number): boolean;
  childrenOf(pid: number): readonly number[];
  /** Undefined for a process that is gone. */
  namespaceOf(pid: number | 'self', kind: NamespaceKind): string | undefined;
  /** A process that is gone is no error. */
  signal(pid: number, name: 'SIGKILL' | 'SIGTERM' | 'SIGSTOP' | 'SIGCONT'): void;

  /** Undefined where there is no such file. */
  readFile(path: string): Promise<string | undefined>;
  /** Replaces a file as a whole; it is on disk before this resolves. */
  replaceFile(path: string, text: string): Promise<void>;
  /** Overwrites a file. */
  writeFile(path: string, text: string): Promise<void>;
  /** With all directories above it. */
  makeDirectory(path: string): Promise<void>;
  /** Names in a directory, in order; none where it is not there. */
  listDirectory(path: string): Promise<readonly string[]>;
  /** A directory with all that is in it; one that is not there is no error. */
  removeTree(path: string): Promise<void>;
  /** An empty directory; says whether it is gone. */
  removeEmptyDirectory(path: string): Promise<boolean>;

  /** Takes a name that one process at a time has; undefined where another one has it. */
  takeName(name: string): Promise<AsyncDisposable | undefined>;
  /** The server behind a Unix socket. */
  openPeer(socketPath: string): HttpPeer;
  /** The socket of the container engine that this machine's docker command would use. */
  readonly engineSocket: string;
  /**
   * @throws TuttiError `not-found` for a file that is not there.
   */
  checkArchive(path: string): Promise<void>;
  /**
   * Writes images of an engine into an archive.
   *
   * @throws TuttiError `not-found` for an image that it does not have.
   */
  saveImages(tags: readonly string[], transfer: ImageTransfer): Promise<void>;
  /** Reads an archive into an engine. */
  loadImages(transfer: ImageTransfer): Promise<void>;
}
