/** When the holder of the epoch must be heard, and when another may take it. All in ms. */
export interface LeadershipTerms {
  /** The holder writes a sign of life when it has proven nothing for this long. */
  readonly signEveryMs: number;
  /**
   * The holder acts for this long after it sent what proved last that it holds the epoch. Below
   * `silentMs` by more than clocks of two machines drift apart in that time.
   */
  readonly holdMs: number;
  /** Others take the epoch of whom they have not heard for this long. */
  readonly silentMs: number;
  /** Who is in doubt asks the store whether it answers at all. */
  readonly doubtMs: number;
  readonly askEveryMs: number;
  /** A store that was out of reach, and a holder with it, gives the holder this long to write. */
  readonly graceMs: number;
  /** Each manager waits longer than the one before it in rank; above what taking needs. */
  readonly rankStepMs: number;
  /** Drawn on top, for managers that believe themselves of one rank. */
  readonly jitterMs: number;
  /** After an answer that did not come, or a no. */
  readonly retryMs: number;
}

/** Decided with `sim/leadership/`; see docs/design/etcd.md, Leadership. */
export const leadershipTerms: LeadershipTerms = {
  signEveryMs: 250,
  holdMs: 900,
  silentMs: 1_000,
  doubtMs: 500,
  askEveryMs: 100,
  graceMs: 350,
  rankStepMs: 150,
  jitterMs: 50,
  retryMs: 50,
};
