import type { QueuedUpdate, Settlement } from './queued-update.ts';
import type { Overlays, Tables } from './tables.ts';
import { absorbAll, asTransaction, changedRows, changesOf, overlaysOn, sealAll } from './tables.ts';
import type { Change } from './view.ts';

/** Updates that were run and become durable together, or not at all. */
export interface Batch {
  readonly overlays: Overlays;
  readonly changes: readonly Change[];
  readonly settlements: readonly Settlement[];
}

/**
 * Takes updates off the queue and runs them, each on an overlay of its own over the writes of those
 * before; an overlay whose closure threw is dropped. An update that neither wrote nor could have
 * read anything that is not durable is settled at once; one that threw after reading writes that
 * may yet be lost waits for their fate like the others.
 */
export function runBatch(
  queue: QueuedUpdate[],
  on: {
    readonly tables: Tables;
    readonly revision: number;
    readonly limits: { readonly batchUpdates: number; readonly batchRows: number };
  },
): Batch {
  const settlements: Settlement[] = [];
  let written: Overlays | undefined;
  let rows = 0;
  let taken = 0;
  while (taken < on.limits.batchUpdates && rows < on.limits.batchRows) {
    const queued = queue[taken];
    if (queued === undefined) break;
    taken += 1;
    const overlays = overlaysOn(written ?? on.tables);
    const { kept, settlement } = queued.run(asTransaction(overlays, on.revision));
    sealAll(overlays);
    const wrote = kept && changedRows(overlays) > 0;
    if (wrote) {
      // The first one's overlays become the batch's own: a large update is not copied.
      if (written === undefined) written = overlays;
      else absorbAll(overlays, written);
      rows = changedRows(written);
    }
    if (written === undefined) settlement.done();
    else settlements.push(settlement);
  }
  queue.splice(0, taken);
  const overlays = written ?? overlaysOn(on.tables);
  return { overlays, changes: changesOf(overlays, on.tables), settlements };
}
