import type { Clock } from '../host/clock.ts';
import type { Logger } from '../host/logger.ts';
import type { NetworkDevices } from '../host/network-devices.ts';
import { TuttiError } from '../lib/error.ts';

/** Whatever events say, the kernel is looked at this often. */
const recheckMs = 30_000;
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

export interface KeepLooking {
  readonly clock: Clock;
  readonly devices: Pick<NetworkDevices, 'watch'>;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  look(how: { readonly isBrief: boolean }): Promise<void>;
  /** Somebody else changed what we have in the kernel. */
  onChange(what: string): void;
}

/** Looks whenever somebody else changed the kernel, and again and again. */
export async function keepLooking(options: KeepLooking): Promise<void> {
  const { clock, devices, logger, signal } = options;
  let changed = Promise.withResolvers<boolean>();
  const watching = devices.watch((what) => {
    options.onChange(what);
    changed.resolve(true);
  }, signal);
  const looks = new Looks();
  while (!signal.aborted) {
    const timer = new AbortController();
    const period = clock
      .sleep(recheckMs, AbortSignal.any([signal, timer.signal]))
      .then(() => false)
      .catch(() => false);
    const isChanged = await Promise.race([changed.promise, period]);
    timer.abort();
    if (signal.aborted) break;
    changed = Promise.withResolvers<boolean>();
    const began = clock.now();
    const isBrief = !isChanged && !looks.isWholeDue(began);
    await options.look({ isBrief }).catch((error: unknown) =>
      logger.error('the networks could not be checked', {
        error: TuttiError.from(error).message,
      }),
    );
    const restMs = looks.restAfter({ began, ended: clock.now(), isBrief });
    await clock.sleep(restMs, signal).catch(() => undefined);
  }
  await watching;
}
