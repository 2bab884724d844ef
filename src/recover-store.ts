import type { Clock } from './host/clock.ts';
import type { Logger } from './host/logger.ts';
import { TuttiError } from './lib/error.ts';
import { formatHostPort, parseHostPort } from './lib/host-port.ts';
import { theCluster } from './manager/cluster-row.ts';
import { giveUpManagers } from './manager/recovery.ts';
import type { ManagerSeat } from './model/node.ts';
import { skippedNumbers } from './model/recovery.ts';
import type { SealingKey } from './os/certificates-seal.ts';
import type { DataLayout } from './os/data-layout.ts';
import { EtcdClient } from './os/etcd-client.ts';
import { EtcdEngine } from './os/etcd-engine.ts';
import { etcdClientSocket } from './os/etcd-flags.ts';
import { EtcdProcess, stopLivingEtcd } from './os/etcd-process.ts';
import { type SeatFile, writeSeat } from './os/manager-seat.ts';
import { untilEtcdAnswers } from './os/move-to-etcd.ts';
import { SealedEngine } from './os/sealed-engine.ts';
import { Snapshots } from './os/snapshots.ts';
import { Store } from './store/store.ts';

export interface RecoverStore {
  readonly layout: DataLayout;
  readonly sealing: SealingKey;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Does what was ordered with the seat: the member of etcd beside this manager becomes the only one,
 * a snapshot is kept, the other managers are given up. The seat says so once it is done; what was
 * interrupted is done again from the start, which changes nothing that was done.
 *
 * @throws TuttiError where etcd does not start, or the snapshot cannot be written.
 */
export async function recoverStore(seat: SeatFile, using: RecoverStore): Promise<SeatFile> {
  const { recovery, ...recovered } = seat;
  if (recovery === undefined) return seat;
  const { layout, clock, logger } = using;
  logger.warn('this manager goes on without the others', { lost: recovery.lost });
  await stopLivingEtcd(seat.etcd.directory);
  const over = new AbortController();
  const plan = { ...seat.etcd, forceNewCluster: true } as const;
  const running = new EtcdProcess({ plan, clock, logger }).run(over.signal);
  try {
    const path = etcdClientSocket(plan.directory);
    const client = new EtcdClient({ endpoints: [{ kind: 'socket', path }] });
    await untilEtcdAnswers(client, clock);
    await rewrite(new EtcdEngine({ client }), { ...using, seat, lost: recovery.lost });
  } finally {
    over.abort();
    await running;
  }
  await writeSeat(layout.seatPath, recovered);
  return recovered;
}

async function rewrite(
  engine: EtcdEngine,
  using: RecoverStore & { readonly seat: SeatFile; readonly lost: readonly string[] },
): Promise<void> {
  const { layout, sealing, clock, logger, seat, lost } = using;
  const store = await Store.open(new SealedEngine({ engine, key: sealing }), { logger });
  try {
    const clusterId = theCluster(store.view)?.id;
    if (clusterId !== seat.clusterId) {
      throw new TuttiError('failed-precondition', 'the store of this manager holds no cluster', {
        hint: 'Restore a backup with `tutti restore`.',
      });
    }
    const snapshots = new Snapshots({ directory: layout.snapshotsDirectory, ...using });
    const path = await snapshots.make({ clusterId, snapshot: store.snapshot() }, 'recovery');
    const revision = store.revision;
    const others = await store.update((tx) =>
      giveUpManagers(tx, { selfId: seat.nodeId, seat: seatOf(seat), lost, now: clock.now() }),
    );
    await engine.skip(skippedNumbers, { epoch: store.epoch, revision: store.revision });
    logger.warn('the cluster was recovered', { snapshot: path, revision, givenUp: others });
  } finally {
    await store.close();
  }
}

function seatOf({ listenAddress, etcd }: SeatFile): ManagerSeat {
  const { hostname } = new URL(etcd.peerUrl);
  const { port = 0 } = parseHostPort(listenAddress) ?? {};
  const host = hostname.replace(/^\[|\]$/g, '');
  return { address: formatHostPort({ host, port }), peerUrl: etcd.peerUrl };
}
