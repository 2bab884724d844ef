import type { Clock } from './host/clock.ts';
import type { LeadershipStore, Sighting } from './host/followed-store.ts';
import type { Logger } from './host/logger.ts';
import type { StoreEngine } from './host/store-engine.ts';
import { TuttiError } from './lib/error.ts';
import { loadTables } from './store/load.ts';
import { type Migration, schemaVersionOf } from './store/migrations.ts';

/** A leader that lives proves it six times in that. */
const silenceMs = 1_500;

export interface UpgradeStore {
  readonly engine: StoreEngine;
  readonly leadership: LeadershipStore;
  readonly migrations: readonly Migration[];
  /** Cheap, and undefined while nobody answers. */
  readonly schemaVersion: () => Promise<number | undefined>;
  /** Who leads meanwhile: this manager leads others there, though it cannot follow. */
  readonly onSeen?: (seen: Sighting) => void;
  /** Keeps what a migration could spoil. */
  readonly before: () => Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Brings a store that managers share to this program's schema, where it is of an older one and no
 * manager of the older program leads: that one works until it is stopped, and those who follow wait
 * for it. Resolves when the store is of this schema or a newer one, or with the signal.
 */
export async function upgradeStore(of: UpgradeStore, signal: AbortSignal): Promise<void> {
  const { clock, logger } = of;
  while (!signal.aborted) {
    try {
      const found = await of.schemaVersion();
      // What was never written has no leader to wait for, and no schema.
      if (found === 0 || (found !== undefined && found >= schemaVersionOf(of.migrations))) return;
      if (found !== undefined && (await bringForward(of, signal))) return;
    } catch (error) {
      const { message } = TuttiError.from(error);
      logger.warn('the store could not be brought to a newer schema yet', { why: message });
    }
    await clock.sleep(silenceMs, signal).catch(() => undefined);
  }
}

async function bringForward(of: UpgradeStore, signal: AbortSignal): Promise<boolean> {
  const { engine, leadership, clock, logger, migrations } = of;
  const first = await leadership.ask();
  if (first !== undefined) of.onSeen?.(first);
  await clock.sleep(silenceMs, signal).catch(() => undefined);
  // Who was stopped has not listened for long enough to call it silence.
  if (signal.aborted) return false;
  const second = await leadership.ask();
  if (first === undefined || second === undefined || first.sign !== second.sign) return false;
  await of.before();
  // Conditional on nobody having led meanwhile; the commit of the migration is, too.
  const taken = await leadership.take(second);
  if (taken.kind !== 'taken') return false;
  await loadTables(engine, { migrations });
  logger.info('the store was brought to a newer schema', { epoch: taken.epoch });
  return true;
}
