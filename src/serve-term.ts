import { apiPrefix, apiRoutes } from './api/routes.ts';
import { managerRoutes } from './docker/manager-routes.ts';
import type { HttpHandler } from './host/http.ts';
import type { Logger } from './host/logger.ts';
import { TuttiError } from './lib/error.ts';
import type { Manager } from './manager/manager.ts';
import { backupRoutes, backupsPath } from './os/backup-routes.ts';
import type { BackupContent } from './os/backup-write.ts';
import type { SealingKey } from './os/certificates-seal.ts';
import { resolveAddress } from './os/machine.ts';
import type { Snapshots } from './os/snapshots.ts';
import { SystemClock } from './os/system-clock.ts';
import { SystemRandom } from './os/system-random.ts';

/** The whole API of a manager that leads. */
export interface ServedTerm {
  readonly handle: HttpHandler;
  /** Ends what it still answers, streams among it. */
  close(): void;
}

export function serveTerm(
  manager: Manager,
  options: {
    readonly version: string;
    readonly logger: Logger;
    readonly sealing: SealingKey;
    readonly snapshots: () => ReturnType<Snapshots['list']>;
  },
): ServedTerm {
  const { controlPlane } = manager;
  const { logger, sealing } = options;
  const clock = new SystemClock();
  const docker = managerRoutes({
    controlPlane,
    clock,
    random: new SystemRandom(),
    logger,
    productVersion: options.version,
    resolveAddress,
  });
  const own = apiRoutes(controlPlane);
  const backups = backupRoutes({
    content: async () => await backupContent(manager, sealing),
    snapshots: options.snapshots,
    now: () => clock.now(),
  });
  const over = new AbortController();
  return {
    handle: (given) => {
      const request = { ...given, signal: AbortSignal.any([given.signal, over.signal]) };
      if (request.path === backupsPath) return backups(request);
      return request.path.startsWith(apiPrefix) ? own(request) : docker.handle(request);
    },
    close: () => {
      over.abort(new TuttiError('unavailable', 'this manager leads no more'));
      docker.close();
    },
  };
}

/** Undefined where there is no cluster. */
export function snapshotContent(manager: Manager): Omit<BackupContent, 'state'> | undefined {
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
