import type { ApiClient } from '../client/api-client.ts';

/** What every command gets: where to write, whom to ask, when to stop. */
export interface CliContext {
  readonly client: ApiClient;
  readonly output: Output;
  /** JSON on standard output instead of text. */
  readonly json: boolean;
  /** Aborts on Ctrl-C and SIGTERM. */
  readonly signal: AbortSignal;
}

/** A terminal, or something that only takes lines. */
export interface Output {
  readonly isTerminal: boolean;
  readonly columns: number;
  /** Standard output. */
  write(text: string): void;
  /** Standard error: progress, warnings. */
  note(text: string): void;
}

/** Exit codes, documented in docs/cli.md. */
export const exitCodes = {
  success: 0,
  /** What was asked for failed, or did not converge. */
  failure: 1,
  /** The command line or a document is wrong; nothing changed. */
  usage: 2,
  /** No daemon answers. */
  unavailable: 3,
  /** It did not converge in time. */
  timeout: 4,
  /** Ctrl-C. */
  interrupted: 130,
} as const;
