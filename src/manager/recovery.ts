import type { Instant } from '../model/instant.ts';
import type { ManagerSeat } from '../model/node.ts';
import type { Transaction } from '../store/view.ts';
import { theCluster } from './cluster-row.ts';

/**
 * Leaves one manager: all others are workers from now on. Those that are lost are waited for no
 * longer, so that their tasks run elsewhere.
 *
 * @returns Their ids.
 */
export function giveUpManagers(
  tx: Transaction,
  options: {
    readonly selfId: string;
    /** Of the one that is left, where its row has none. */
    readonly seat: ManagerSeat;
    /** Ids of nodes; who is not among them may still run, and is heard of again. */
    readonly lost: readonly string[];
    readonly now: Instant;
  },
): readonly string[] {
  const { selfId, seat, lost, now } = options;
  const changed = { version: tx.revision, updatedAt: now };
  const cluster = theCluster(tx);
  if (cluster !== undefined) {
    tx.clusters.put({ ...cluster, ...changed, advertiseAddress: seat.address });
  }
  const others: string[] = [];
  const rows = [...tx.nodes.all()];
  for (const row of rows) {
    const { seat: before, ...rest } = row;
    if (row.id === selfId) {
      const spec = { ...row.spec, role: 'manager' } as const;
      tx.nodes.put({ ...rest, ...changed, spec, seat: before ?? seat });
    } else if (before !== undefined) {
      others.push(row.id);
      const isLost = lost.includes(row.id);
      const spec = { ...row.spec, role: 'worker' } as const;
      tx.nodes.put({ ...rest, ...changed, spec, ...(isLost && { givenUp: true }) });
    }
  }
  return others;
}
