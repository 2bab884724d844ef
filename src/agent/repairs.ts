import type { Clock } from '../host/clock.ts';
import { TuttiError } from '../lib/error.ts';
import type { Instant } from '../model/instant.ts';
import type { KernelObservation } from '../model/network-examination.ts';

const rememberedMs = 3_600_000;
const mostRemembered = 20;

/** What of the kernel was found changed by others, and made again. */
export class Repairs {
  readonly #clock: Pick<Clock, 'now'>;
  #all: readonly { readonly what: string; readonly at: Instant }[] = [];

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock;
  }

  note(differences: readonly string[]): void {
    const at = this.#clock.now();
    const added = differences.map((what) => ({ what, at }));
    this.#all = [...this.#all, ...added].slice(-mostRemembered);
  }

  /** What a look finds, and what was found in the hour before it, the latest first. */
  async look(recheck: () => Promise<void>): Promise<Omit<KernelObservation, 'bridgeFilter'>> {
    const now = this.#clock.now();
    const before = this.#all;
    const failure = await recheck().then(
      () => undefined,
      (error: unknown) => TuttiError.from(error).message,
    );
    const known = new Set(before);
    return {
      differences: this.#all.filter((one) => !known.has(one)).map(({ what }) => what),
      repairs: before
        .filter(({ at }) => now - at <= rememberedMs)
        .map(({ what, at }) => ({ what, agoMs: Math.max(0, now - at) }))
        .toReversed(),
      ...(failure !== undefined && { failure }),
    };
  }
}
