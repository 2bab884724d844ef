import { createPublicKey } from 'node:crypto';
import { dirname } from 'node:path';
import { ownCertificateRoute } from './api/own-certificate.ts';
import { recoveryRoutes } from './api/recovery.ts';
import { answerAsFollower, refusal } from './docker/follower-routes.ts';
import type { Clock } from './host/clock.ts';
import type { Sighting } from './host/followed-store.ts';
import type { HttpHandler, HttpReply, HttpRequest } from './host/http.ts';
import type { Logger } from './host/logger.ts';
import { TuttiError } from './lib/error.ts';
import { holderName } from './manager/office.ts';
import { OwnAuthority } from './manager/own-authority.ts';
import { ManagerRecovery } from './manager-recovery.ts';
import type { RecoverStore } from './recover-store.ts';
import { type ServedTerm, serveTerm } from './serve-term.ts';
import { SeatedManager } from './seated-manager.ts';
import {
  openDoor,
  openServer,
  type ServeManager,
  untilAborted,
  writeInPlace,
} from './manager-server.ts';
import { CertificateAuthority } from './os/certificates-authority.ts';
import { NodeIdentityFile } from './os/certificates-files.ts';
import { keyDigestOf } from './os/certificates-read.ts';
import { SealingKey } from './os/certificates-seal.ts';
import type { DataLayout } from './os/data-layout.ts';
import { EtcdClient } from './os/etcd-client.ts';
import { EtcdEngine } from './os/etcd-engine.ts';
import { etcdClientSocket } from './os/etcd-flags.ts';
import { EtcdLeadership } from './os/etcd-leadership.ts';
import { EtcdProcess } from './os/etcd-process.ts';
import { etcdSeatHost } from './os/etcd-seat-host.ts';
import { readSchemaVersion } from './os/etcd-state.ts';
import { serveLeaderSocket } from './os/leader-socket.ts';
import { KeptAuthorityFile } from './os/kept-authority.ts';
import { readSeat, type SeatFile } from './os/manager-seat.ts';
import { lockDirectory } from './os/process-lock.ts';
import { SealedEngine } from './os/sealed-engine.ts';
import { serveSessions } from './os/session-transport.ts';
import { Snapshots } from './os/snapshots.ts';
import { SystemClock } from './os/system-clock.ts';
import { SystemRandom } from './os/system-random.ts';
import { UnlockHandover } from './os/unlock-handover.ts';
import { WatchedIdentity } from './os/watched-identity.ts';
import { snapshotBeforeMigration } from './snapshot-before-migration.ts';
import { migrations } from './store/migrations.ts';
import { upgradeStore } from './upgrade-store.ts';

/** A manager on etcd, one of several or the last of them. Resolves when it was stopped. */
export async function serveManyManagers(
  options: ServeManager & { readonly layout: DataLayout },
): Promise<void> {
  const { logger, layout } = options;
  const unlockDirectory = await lockDirectory(layout.managerLockPath, layout.dataDirectory);
  await writeInPlace(layout.managerPidPath, `${process.pid}\n`);
  const sealing = new SealingKey(layout.sealingKeyPath);
  const door = await openDoor({ ...options, sealing, erase: refuseToErase });
  await door?.unlocked;
  const clock = new SystemClock();
  const seat = await recovered(await readSeat(layout.seatPath), { layout, sealing, clock, logger });
  const identity = await openIdentity(layout);
  const path = etcdClientSocket(seat.etcd.directory);
  const client = new EtcdClient({ endpoints: [{ kind: 'socket', path }] });
  const authority = new CertificateAuthority({ command: options.certificatesCommand, sealing });
  const ownAuthority = ownAuthorityOf({ layout, authority, clock, logger, identity });
  const manager = new SeatedManager<ServedTerm>({
    seat,
    ownAuthority,
    identity: () => identity.current,
    client,
    engine: new SealedEngine({ engine: new EtcdEngine({ client }), key: sealing }),
    authority,
    clock,
    random: new SystemRandom(),
    logger,
    apiSocket: layout.managerApiSocket,
    seatHost: etcdSeatHost({ client, sealing }),
    serve: (term) =>
      serveTerm(term, { ...options, sealing, snapshots: async () => await snapshots.list() }),
  });
  const { seatPath, snapshotsDirectory: directory } = layout;
  const recovery = new ManagerRecovery({ manager, seat, seatPath, client, clock });
  const signal = AbortSignal.any([options.signal, recovery.asked]);
  // Nothing that is asked of a store without a majority is worth waiting for.
  recovery.asked.addEventListener('abort', () => client.close(), { once: true });
  // Its manager needs it to the end.
  const etcdStop = new AbortController();
  const etcdRunning = new EtcdProcess({ plan: seat.etcd, clock, logger }).run(etcdStop.signal);
  const snapshots = new Snapshots({ directory, sealing, clock, logger });
  const { relay } = manager;
  const sessions = await serveSessions({
    socketPath: layout.managerSessionSocket,
    handler: manager.handler,
    logger,
    relay,
  });
  const leaderSocket = await serveLeaderSocket({
    socketPath: layout.managerLeaderSocket,
    relay,
    ownSocketPath: layout.managerApiSocket,
  });
  const [recovering, renewing] = [recoveryRoutes(recovery), ownCertificateRoute(ownAuthority)];
  const others = requests(manager, { ...options, leaderSocket: layout.managerLeaderSocket });
  const handle: HttpHandler = async (request) =>
    (await recovering(request)) ?? (await renewing(request)) ?? (await others(request));
  const open = door ?? (await openServer({ layout, logger, handle }));
  open.serve(handle);
  const snapshotting = snapshots.run(() => manager.snapshot(), signal);
  void upgrade({ client, sealing, snapshots, seat, clock, logger, manager }, signal);
  await Promise.all([manager.run(signal), snapshotting, untilAborted(signal)]);
  await open.close();
  await leaderSocket.close();
  await sessions.close();
  await manager.stop();
  authority.close();
  identity.close();
  etcdStop.abort();
  await etcdRunning;
  if (recovery.asked.aborted) await sealing.handOver(new UnlockHandover(layout.handoverDirectory));
  await unlockDirectory();
}

async function openIdentity({ identityPath }: DataLayout): Promise<WatchedIdentity> {
  return await WatchedIdentity.open(new NodeIdentityFile(identityPath), dirname(identityPath));
}

/** What this manager renews its certificate by where no other can. */
function ownAuthorityOf(from: {
  readonly layout: DataLayout;
  readonly authority: CertificateAuthority;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly identity: WatchedIdentity;
}): OwnAuthority {
  return new OwnAuthority({
    ...from,
    disk: new KeptAuthorityFile(from.layout.keptAuthorityPath),
    identity: () => from.identity.current,
    digestOf: (key) => keyDigestOf({ publicKey: createPublicKey(key) }),
  });
}

/** Only who was told so goes on without the others. */
async function recovered(seat: SeatFile, using: RecoverStore): Promise<SeatFile> {
  if (seat.recovery === undefined) return seat;
  const { recoverStore } = await import('./recover-store.ts');
  return await recoverStore(seat, using);
}

/** Beside a manager that waits for a store of its own schema. */
async function upgrade(
  on: {
    readonly client: EtcdClient;
    readonly sealing: SealingKey;
    readonly snapshots: Snapshots;
    readonly seat: SeatFile;
    readonly clock: Clock;
    readonly logger: Logger;
    readonly manager: Pick<SeatedManager<ServedTerm>, 'noteLeader'>;
  },
  signal: AbortSignal,
): Promise<void> {
  const { client, sealing, seat, manager } = on;
  const name = holderName(seat.nodeId, process.pid, 0);
  const engine = new SealedEngine({ engine: new EtcdEngine({ client }), key: sealing });
  const schemaVersion = async (): Promise<number | undefined> =>
    await readSchemaVersion(client).catch(() => undefined);
  const leadership = new EtcdLeadership({ client, name });
  const before = async (): Promise<void> => await snapshotBeforeMigration(engine, on);
  const onSeen = (seen: Sighting): void => manager.noteLeader(seen);
  const store = { engine, leadership, migrations, schemaVersion, onSeen, before };
  await upgradeStore({ ...on, ...store }, signal);
}

/** Requests of clients: answered here, or by whoever leads. */
function requests(
  manager: SeatedManager<ServedTerm>,
  options: { readonly version: string; readonly leaderSocket: string },
): HttpHandler {
  const { version: productVersion, leaderSocket: socketPath } = options;
  const pass = async (request: HttpRequest): Promise<HttpReply> => {
    try {
      const where = await manager.relay.whoServes(request.signal);
      const served = where === 'here' ? manager.served : undefined;
      if (served !== undefined) return await served.handle(request);
    } catch (error) {
      return refusal(TuttiError.from(error), productVersion);
    }
    const query = request.query.toString();
    const isRead = request.method === 'GET' || request.method === 'HEAD';
    return {
      kind: 'forward',
      socketPath,
      isAlone: true,
      target: query === '' ? request.path : `${request.path}?${query}`,
      replyHeaders: {},
      unreachable: refusal(leaderLost(), productVersion),
      // Who only reads may be answered by the next one.
      instead: async () =>
        isRead && !request.signal.aborted ? await pass(request) : await Promise.resolve(undefined),
    };
  };
  const own = { source: manager, productVersion };
  return async (request) => answerAsFollower(request, own) ?? (await pass(request));
}

function leaderLost(): TuttiError {
  return new TuttiError('unavailable', 'the leader was lost while it had this request', {
    hint: 'Look whether it was done before you try again.',
  });
}

async function refuseToErase(): Promise<void> {
  const message = 'this manager is locked, and one of several: it cannot leave unheard';
  const hint = 'Unlock it first: docker swarm unlock.';
  await Promise.reject(new TuttiError('unavailable', message, { hint }));
}
