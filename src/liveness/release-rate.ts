/** Tasks that are moved away from dead nodes in a second, in the whole cluster. */
const tasksPerSecond = 100;
const longestDebtMs = 60_000;

/**
 * How fast nodes may be given up: the first at once, whatever it holds; the next when what was
 * given away before has had its time. A cluster that loses one node after the other is not buried
 * under the moves.
 */
export class ReleaseRate {
  /** When, by the clock of leases, what was released is paid for. */
  #freeAtMs = 0;

  mayRelease(nowMs: number): boolean {
    return nowMs >= this.#freeAtMs;
  }

  released(taskCount: number, nowMs: number): void {
    const costMs = Math.min((taskCount / tasksPerSecond) * 1_000, longestDebtMs);
    this.#freeAtMs = Math.max(this.#freeAtMs, nowMs) + costMs;
  }
}
