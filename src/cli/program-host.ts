import type {
  BackupHeader,
  BackupLock,
  BackupSecret,
  RestoreOptions,
  RestoreReport,
} from '../model/backup.ts';
import type { Playgrounds } from '../playground/playground.ts';
import type { Output } from './context.ts';

/** Settings of `tutti daemon`, as they were typed. */
export interface DaemonOptions {
  readonly dataDir: string;
  readonly socket: string;
  readonly containerEngine: string;
  readonly nodeName?: string;
  /** An address, or the interface that has it. */
  readonly advertiseAddr?: string;
}

/** Files of backups on this machine. */
export interface BackupFiles {
  /** How a new backup is locked with what a person keeps; the key is base64. */
  lock(secret: BackupSecret): Promise<{ readonly lock: BackupLock; readonly key: string }>;
  /** What a file says of itself, unchecked. Throws where it is no backup. */
  header(path: string): Promise<BackupHeader>;
  /** The file appears once it is complete and was read: it is not there otherwise. */
  save(
    path: string,
    backup: { readonly bytes: AsyncIterable<Uint8Array>; readonly key: string },
  ): Promise<BackupHeader>;
  restore(options: RestoreOptions): Promise<RestoreReport>;
}

/** What the command line needs of the process that runs it. */
export interface ProgramHost {
  readonly version: string;
  readonly output: Output;
  readonly signal: AbortSignal;
  readonly environment: Readonly<Record<string, string | undefined>>;
  runDaemon(options: DaemonOptions): Promise<number>;
  /** Without a daemon. */
  openBackups(): Promise<BackupFiles>;
  /** Of this machine. */
  openPlaygrounds(): Promise<Playgrounds>;
  /** Told the exit code of the command that ran. */
  finish(exitCode: number): void;
}
