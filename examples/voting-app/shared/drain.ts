/** How long a server that was told to stop keeps its door open. */
export interface DrainRules {
  /** Close once no connection or request has arrived for this long. */
  readonly quietMs: number;
  /** Close after this long, whatever still arrives. */
  readonly limitMs: number;
}

/** What the server has seen, as times of one monotonic clock. */
export interface DrainView {
  readonly nowMs: number;
  readonly stopRequestedAtMs: number;
  readonly lastArrivalAtMs: number;
}

/**
 * How long to wait before the listener may be closed; 0 means now.
 *
 * The notice that a replica is going away reaches load balancers and clients a moment later than
 * it reaches the replica. A server that closes at once refuses the connections of that moment. So
 * it stays open until it has been quiet, which costs an idle server next to nothing and bridges
 * any delay of a busy one.
 */
export function drainDelayMs(view: DrainView, rules: DrainRules): number {
  const quietSinceMs = Math.max(view.lastArrivalAtMs, view.stopRequestedAtMs);
  const closeAtMs = Math.min(quietSinceMs + rules.quietMs, view.stopRequestedAtMs + rules.limitMs);
  return Math.max(0, closeAtMs - view.nowMs);
}
