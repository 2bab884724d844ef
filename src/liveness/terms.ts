/** What managers promise a node about its lease, and what the node promises them. All in ms. */
export interface LeaseTerms {
  /** A node says this often that it lives, and sooner where nobody answered. */
  readonly periodMs: number;
  /** It says so again after this long without an answer. */
  readonly retryMs: number;
  /** No node counts as silent before. */
  readonly silentAfterMs: number;
  /** The same for a node of which only session messages come. */
  readonly sessionSilentAfterMs: number;
  /** A silent node is down after this long, unless there is doubt about ourselves. */
  readonly doubtMs: number;
  /** Tasks of fenced services are given away no earlier than this after the node was heard. */
  readonly fencedAfterMs: number;
  /** What falls silent within this long counts as falling silent together. */
  readonly windowMs: number;
  /** The clock of leases takes at most this much at a step: for longer we were not listening. */
  readonly longestStepMs: number;
}

/**
 * A node none of whose signs of life was answered for so long hears nothing: it says so, and turns
 * to another manager where there is one. Decided by `sim/liveness/main.ts`.
 */
export const deafAfterMs = 2_000;

/** Decided by `sim/liveness/main.ts`; see docs/design/liveness.md. */
export const leaseTerms: LeaseTerms = {
  periodMs: 500,
  retryMs: 200,
  silentAfterMs: 1_500,
  sessionSilentAfterMs: 6_000,
  doubtMs: 1_000,
  fencedAfterMs: 10_000,
  windowMs: 10_000,
  longestStepMs: 300,
};
