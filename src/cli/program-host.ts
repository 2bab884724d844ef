import type { Playgrounds } from '../playground/playground.ts';
import type { Output } from './context.ts';

/** Settings of `tutti daemon`, as they were typed. */
export interface DaemonOptions {
  readonly dataDir: string;
  readonly socket: string;
  readonly containerEngine: string;
  readonly nodeName?: string;
}

/** What the command line needs of the process that runs it. */
export interface ProgramHost {
  readonly version: string;
  readonly output: Output;
  readonly signal: AbortSignal;
  readonly environment: Readonly<Record<string, string | undefined>>;
  runDaemon(options: DaemonOptions): Promise<number>;
  /** Of this machine. */
  openPlaygrounds(): Promise<Playgrounds>;
  /** Told the exit code of the command that ran. */
  finish(exitCode: number): void;
}
