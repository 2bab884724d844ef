import type { Clock } from '../host/clock.ts';
import type { Logger } from '../host/logger.ts';
import type { NetworkDevices } from '../host/network-devices.ts';
import { TuttiError } from '../lib/error.ts';
import { Looks } from './looks.ts';

/** Whatever events say, the kernel is looked at this often. */
const recheckMs = 30_000;

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
