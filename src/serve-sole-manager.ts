import type { NextLife } from './host/next-life.ts';
import type { StoreEngine } from './host/store-engine.ts';
import { startManager } from './manager/manager.ts';
import {
  openDoor,
  openServer,
  type ServeManager,
  untilAborted,
  writeInPlace,
} from './manager-server.ts';
import { CertificateAuthority } from './os/certificates-authority.ts';
import { SealingKey } from './os/certificates-seal.ts';
import { TcpClusterPort } from './os/cluster-port.ts';
import type { DataLayout } from './os/data-layout.ts';
import { UdpLifeReceiver, withDatagrams } from './os/life-datagrams.ts';
import { SealedEngine } from './os/sealed-engine.ts';
import { serveSessions } from './os/session-transport.ts';
import { Snapshots } from './os/snapshots.ts';
import { soleSeatHost } from './os/sole-seat-host.ts';
import { SqliteEngine } from './os/sqlite-engine.ts';
import { readStoreMarker } from './os/store-marker.ts';
import { SystemClock } from './os/system-clock.ts';
import { SystemRandom } from './os/system-random.ts';
import { UnlockHandover } from './os/unlock-handover.ts';
import { serveTerm, snapshotContent } from './serve-term.ts';
import { snapshotBeforeMigration } from './snapshot-before-migration.ts';
import { eraseStore } from './store/erase.ts';

/** A manager on SQLite, which has no other beside it. Resolves when it was stopped. */
export async function serveSoleManager(
  options: ServeManager & { readonly layout: DataLayout },
): Promise<void> {
  const { logger, layout } = options;
  const over = new NextLifeAsked();
  const signal = AbortSignal.any([options.signal, over.signal]);
  const clock = new SystemClock();
  const random = new SystemRandom();
  const sealing = new SealingKey(layout.sealingKeyPath);
  // Its lock says that no other manager lives here.
  const sqlite = SqliteEngine.open(layout.storePath);
  // The one before may have moved the store since the marker was read: the next start reads it.
  if ((await readStoreMarker(layout.storeMarkerPath)) === 'etcd') return await sqlite.close();
  await writeInPlace(layout.managerPidPath, `${process.pid}\n`);
  const door = await openDoor({ ...options, sealing, erase: () => eraseStore(sqlite) });
  await door?.unlocked;
  if (signal.aborted) {
    await door?.close();
    return await sqlite.close();
  }
  const engine = new SealedEngine({ engine: sqlite, key: sealing });
  const command = options.certificatesCommand;
  const authority = new CertificateAuthority({ command, sealing });
  const directory = layout.snapshotsDirectory;
  const snapshots = new Snapshots({ directory, sealing, clock, logger });
  await snapshotBeforeMigration(engine, { snapshots, logger });
  const datagrams = new UdpLifeReceiver(logger);
  const manager = await startManager({
    engine,
    clock,
    random,
    authority,
    logger,
    seatHost: soleSeatHost({ layout, sealing, nextLife: over, clock, logger }),
    port: (uses) => withDatagrams(new TcpClusterPort({ ...uses, logger }), datagrams),
    life: (heard) => datagrams.tell(heard),
  });
  const served = serveTerm(manager, {
    ...options,
    sealing,
    snapshots: async () => await snapshots.list(),
  });
  const sessions = await serveSessions({
    socketPath: layout.managerSessionSocket,
    handler: manager.handler,
    logger,
  });
  const { handle } = served;
  const open = door ?? (await openServer({ layout, logger, handle }));
  open.serve(handle);
  const snapshotting = snapshots.run(() => snapshotContent(manager), signal);
  await untilAborted(signal);
  await snapshotting;
  await open.close();
  served.close();
  await sessions.close();
  await manager.stop();
  authority.close();
  if (over.signal.aborted) await handOver(over, { layout, sealing });
}

async function handOver(
  nextLife: NextLifeAsked,
  { layout, sealing }: { readonly layout: DataLayout; readonly sealing: SealingKey },
): Promise<void> {
  try {
    await nextLife.prepare(() => SqliteEngine.open(layout.storePath));
  } finally {
    await sealing.handOver(new UnlockHandover(layout.handoverDirectory));
  }
}

/** What is to be done when this process has let go of its store. */
class NextLifeAsked implements NextLife {
  readonly #asked = new AbortController();
  #prepare: ((engine: StoreEngine) => Promise<void>) | undefined;

  get signal(): AbortSignal {
    return this.#asked.signal;
  }

  begin(prepare: (engine: StoreEngine) => Promise<void>): Promise<never> {
    this.#prepare ??= prepare;
    this.#asked.abort();
    return new Promise<never>(() => undefined);
  }

  async prepare(open: () => StoreEngine): Promise<void> {
    if (this.#prepare === undefined) return;
    const engine = open();
    try {
      await this.#prepare(engine);
    } finally {
      await engine.close();
    }
  }
}
