import type { Clock } from '../host/clock.ts';
import type { Logger } from '../host/logger.ts';
import { TuttiError } from '../lib/error.ts';

/** Managers come one after the other, each within a few seconds. */
const askEveryMs = 1_000;

export interface AskOn<Asker> {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Resolves when there may be something else to ask for. */
  changed(): Promise<void>;
  /** Who asks; undefined: there is nothing to ask for. */
  asker(): Asker | undefined;
  /** Resolves with what it waits for; empty: it was given. */
  ask(asker: Asker): Promise<string>;
  /** What keeps the node from it; empty: nothing does. */
  onTrouble(why: string): void;
  /** For the log. */
  readonly waiting: string;
}

/** Asks managers for something until they give it, whenever there is something to ask for. */
export async function askOn<Asker>(on: AskOn<Asker>, signal: AbortSignal): Promise<void> {
  const stopped = new Promise<void>((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
  for (let said = ''; !signal.aborted; ) {
    const asker = on.asker();
    if (asker === undefined) {
      await Promise.race([on.changed(), stopped]);
      continue;
    }
    const why = await on.ask(asker).catch((error: unknown) => TuttiError.from(error).message);
    if (why !== said) {
      said = why;
      on.onTrouble(why);
      if (why !== '') on.logger.info(on.waiting, { why });
    }
    if (why !== '') await on.clock.sleep(askEveryMs, signal).catch(() => undefined);
  }
}
