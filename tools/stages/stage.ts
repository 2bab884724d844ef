/** One part of what `npm test` checks. */
export interface Stage {
  /** As it is named on the command line: `npm test -- lint unit`. */
  readonly name: string;
  /** What the machine lacks for it; shows its own progress. */
  readonly prepare?: () => Promise<void>;
  /** Ends soon after the signal aborts, with all that it started. */
  readonly run: (signal: AbortSignal) => Promise<StageResult>;
}

export interface StageResult {
  readonly passed: boolean;
  /** A few words for the line of a stage that passed, such as `312 tests`. */
  readonly summary?: string;
  /** Everything that was written; shown whole when the stage failed. */
  readonly output: string;
}
