import type { Clock } from '../host/clock.ts';
import type { Logger } from '../host/logger.ts';
import { TuttiError } from '../lib/error.ts';
import type { NodeDescription } from '../model/node.ts';

const firstRetryMs = 50;
const longestRetryMs = 5_000;

/** Asks until the container engine, which may still be starting, answers; undefined: the signal. */
export async function describeNode(
  host: {
    readonly clock: Clock;
    readonly logger: Logger;
    describe(signal: AbortSignal): Promise<NodeDescription>;
  },
  signal: AbortSignal,
): Promise<NodeDescription | undefined> {
  let delayMs = firstRetryMs;
  while (!signal.aborted) {
    try {
      return await host.describe(signal);
    } catch (error) {
      if (signal.aborted) break;
      const { message } = TuttiError.from(error);
      host.logger.warn('waiting for the container engine', { error: message });
      await host.clock.sleep(delayMs, signal).catch(() => undefined);
      delayMs = Math.min(delayMs * 2, longestRetryMs);
    }
  }
  return undefined;
}
