/** Between two looks: who keeps changing our rules shall not keep us busy. */
const shortestRestMs = 1_000;
/** Of the time that passes, one part in so many is for whole looks that nobody asked for. */
const shareOfWholeLooks = 200;

/**
 * When the kernel is compared whole, element by element: with thousands of services that takes
 * seconds, and an idle node shall be idle. In between looks are brief.
 */
export class Looks {
  #nextWholeAt = 0;

  /** Whether a look that begins now, and that nothing calls for, is to be a whole one. */
  isWholeDue(now: number): boolean {
    return now >= this.#nextWholeAt;
  }

  /** How long nobody looks after a look; times and rest in ms. */
  restAfter(look: {
    readonly began: number;
    readonly ended: number;
    readonly isBrief: boolean;
  }): number {
    const tookMs = Math.max(0, look.ended - look.began);
    if (!look.isBrief) this.#nextWholeAt = look.ended + tookMs * shareOfWholeLooks;
    return Math.max(shortestRestMs, tookMs);
  }
}
