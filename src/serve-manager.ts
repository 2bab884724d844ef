import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { apiPrefix, apiRoutes } from './api/routes.ts';
import { lockedRoutes } from './docker/locked-routes.ts';
import { managerRoutes } from './docker/manager-routes.ts';
import type { HttpHandler } from './host/http.ts';
import type { Logger } from './host/logger.ts';
import type { StoreEngine } from './host/store-engine.ts';
import { TuttiError } from './lib/error.ts';
import { type Manager, startManager } from './manager/manager.ts';
import { backupRoutes, backupsPath } from './os/backup-routes.ts';
import type { BackupContent } from './os/backup-write.ts';
import { CertificateAuthority } from './os/certificates-authority.ts';
import { SealingKey } from './os/certificates-seal.ts';
import { TcpClusterPort } from './os/cluster-port.ts';
import { type DataLayout, openDataLayout } from './os/data-layout.ts';
import { HttpServer } from './os/http-server.ts';
import { UdpLifeReceiver, withDatagrams } from './os/life-datagrams.ts';
import { openLifeSocket } from './os/life-socket.ts';
import { resolveAddress } from './os/machine.ts';
import { SealedEngine } from './os/sealed-engine.ts';
import { serveSessions } from './os/session-transport.ts';
import { Snapshots } from './os/snapshots.ts';
import { SqliteEngine } from './os/sqlite-engine.ts';
import { SystemClock } from './os/system-clock.ts';
import { SystemRandom } from './os/system-random.ts';
import { migrations, schemaVersionOf } from './store/migrations.ts';

export interface ServeManager {
  readonly dataDirectory: string;
  readonly version: string;
  /** Program and arguments of the process that makes certificates. */
  readonly certificatesCommand: readonly [string, ...string[]];
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** Builds everything that a manager runs, and resolves when the signal stopped it. */
export async function serveManager(options: ServeManager): Promise<void> {
  const { logger, signal } = options;
  const layout = await openDataLayout(options.dataDirectory);
  const clock = new SystemClock();
  const random = new SystemRandom();
  const sealing = new SealingKey(layout.sealingKeyPath);
  // Its lock says that no other manager lives here.
  const sqlite = SqliteEngine.open(layout.storePath);
  await writeInPlace(layout.managerPidPath, `${process.pid}\n`);
  const door = await openDoor({ ...options, layout, sealing });
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
    port: (uses) => withDatagrams(new TcpClusterPort({ ...uses, logger }), datagrams),
    life: (heard) => datagrams.tell(heard),
  });
  const { controlPlane } = manager;
  const docker = managerRoutes({
    controlPlane,
    clock,
    random,
    logger,
    productVersion: options.version,
    resolveAddress,
  });
  const own = apiRoutes(controlPlane);
  const backups = backupRoutes({
    content: async () => await backupContent(manager, sealing),
    snapshots: async () => await snapshots.list(),
    now: () => clock.now(),
  });
  const sessions = await serveSessions({
    socketPath: layout.managerSessionSocket,
    handler: manager.handler,
    logger,
  });
  const handle: HttpHandler = (request) => {
    if (request.path === backupsPath) return backups(request);
    return request.path.startsWith(apiPrefix) ? own(request) : docker.handle(request);
  };
  const open = door ?? (await openServer({ layout, logger, handle }));
  open.serve(handle);
  const snapshotting = snapshots.run(() => snapshotContent(manager), signal);
  await untilAborted(signal);
  await snapshotting;
  await open.close();
  docker.close();
  await sessions.close();
  await manager.stop();
  authority.close();
}

interface Server {
  serve(handle: HttpHandler): void;
  close(): Promise<void>;
}

/** The life socket is the last: it says that everything else is ready. */
async function openServer(options: {
  readonly layout: DataLayout;
  readonly logger: Logger;
  readonly handle: HttpHandler;
}): Promise<Server> {
  const { layout, logger } = options;
  let { handle } = options;
  const server = await HttpServer.listen({
    socketPath: layout.managerApiSocket,
    logger,
    handle: (request) => handle(request),
  });
  const closeLife = await openLifeSocket(layout.managerLifeSocket);
  return {
    serve: (next) => {
      handle = next;
    },
    close: async () => {
      await closeLife();
      await server.close();
    },
  };
}

/**
 * A manager whose key is locked serves what unlocks it, and nothing else; undefined where it is not
 * locked. `unlocked` resolves with the signal, too.
 */
async function openDoor(
  options: ServeManager & { readonly layout: DataLayout; readonly sealing: SealingKey },
): Promise<(Server & { readonly unlocked: Promise<void> }) | undefined> {
  const { sealing, logger, signal, version: productVersion } = options;
  if (!(await sealing.isLocked())) return undefined;
  logger.warn('the manager is locked, and waits for its unlock key');
  const { promise: unlocked, resolve } = Promise.withResolvers<void>();
  const serving = Promise.withResolvers<void>();
  signal.addEventListener('abort', () => resolve(), { once: true });
  const unlock = async (unlockKey: string): Promise<void> => {
    await sealing.unlock(unlockKey);
    logger.info('the manager was unlocked');
    resolve();
    // Who has unlocked the manager may ask it everything next.
    await serving.promise;
  };
  const handle = lockedRoutes({ productVersion, unlock });
  const server = await openServer({ ...options, handle });
  const serve = (next: HttpHandler): void => {
    server.serve(next);
    serving.resolve();
  };
  return { ...server, serve, unlocked };
}

/** Undefined where there is no cluster. */
function snapshotContent(manager: Manager): Omit<BackupContent, 'state'> | undefined {
  const clusterId = manager.controlPlane.cluster()?.id;
  return clusterId === undefined ? undefined : { clusterId, snapshot: manager.snapshot() };
}

async function backupContent(manager: Manager, sealing: SealingKey): Promise<BackupContent> {
  const content = snapshotContent(manager);
  if (content === undefined) {
    throw new TuttiError('unavailable', 'there is no cluster to back up', {
      hint: 'Make one with `docker swarm init`, or ask one of its managers.',
    });
  }
  const sealingKey = (await sealing.material()).toString('base64');
  const { nodeId } = manager.controlPlane;
  return { ...content, state: { sealingKey, ...(nodeId !== undefined && { nodeId }) } };
}

/** What a migration spoils can be had again. Without space for a copy nothing is migrated. */
async function snapshotBeforeMigration(
  engine: StoreEngine,
  to: { readonly snapshots: Snapshots; readonly logger: Logger },
): Promise<void> {
  const stored = await engine.load();
  const known = schemaVersionOf(migrations);
  if (stored.schemaVersion === 0 || stored.schemaVersion >= known) return;
  const rows = [...stored.rows];
  const cluster = rows.find(({ table }) => table === 'clusters');
  if (cluster === undefined) return;
  const content = { clusterId: cluster.id, snapshot: { ...stored, rows } };
  const path = await to.snapshots.make(content, 'migration');
  to.logger.info('a snapshot was made before the store is migrated', { path });
}

/** Takes no space where a file of about that length is there: a manager starts on a full disk. */
async function writeInPlace(path: string, text: string): Promise<void> {
  const file = await open(path, constants.O_RDWR | constants.O_CREAT, 0o600);
  try {
    await file.write(text, 0);
    await file.truncate(Buffer.byteLength(text));
  } finally {
    await file.close();
  }
}

async function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  signal.addEventListener('abort', () => resolve(), { once: true });
  await promise;
}
