import type { ApiClient } from '../client/api-client.ts';
import type { Paint } from './paint.ts';

/** What every command gets: where to write, whom to ask, when to stop. */
export interface CliContext {
  readonly client: ApiClient;
  readonly output: Output;
  /** JSON on standard output instead of text, and no progress. */
  readonly json: boolean;
  /** Aborts on Ctrl-C and SIGTERM. */
  readonly signal: AbortSignal;
}

/** Standard output and standard error: each a terminal, or something that only takes lines. */
export interface Output {
  /** The terminal behind standard error, where progress goes; none: it takes lines alone. */
  readonly terminal: Terminal | undefined;
  /** Colours of standard output. */
  readonly paint: Paint;
  /** Colours of standard error. */
  readonly notePaint: Paint;
  /** Standard output. */
  write(text: string): void;
  /** Standard error: progress, warnings. */
  note(text: string): void;
}

/** Its size, which may change while a command runs. */
export interface Terminal {
  readonly columns: number;
  readonly rows: number;
}

/** Exit codes, documented in docs/cli.md. */
export const exitCodes = {
  success: 0,
  /** What was asked for failed, or did not converge. */
  failure: 1,
  /** The command line or a document is wrong; nothing changed. */
  usage: 2,
  /** No daemon answers, or it may not be asked. */
  unavailable: 3,
  /** It did not converge in time. */
  timeout: 4,
  /** Ctrl-C. */
  interrupted: 130,
} as const;
