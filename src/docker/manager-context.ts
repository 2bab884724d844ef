import type { Clock } from '../host/clock.ts';
import type { Random } from '../host/random.ts';
import type { Route } from '../lib/route-table.ts';
import { TuttiError } from '../lib/error.ts';
import type { HttpReply } from '../host/http.ts';
import type { ControlPlane } from '../manager/control-plane.ts';
import type { Cluster } from '../model/cluster.ts';
import type { DockerRequest } from './request.ts';
import type { EventLog } from './event-log.ts';

/** What the routes of the manager work with. */
export interface ManagerContext {
  readonly controlPlane: ControlPlane;
  readonly clock: Clock;
  readonly random: Random;
  readonly events: EventLog;
  /**
   * An address of this node: of the interface or host that was given, or the one that others reach
   * it by. Throws TuttiError `invalid-argument` where none can be told.
   */
  readonly resolveAddress: (given: string | undefined) => Promise<string>;
}

export type DockerHandler = (request: DockerRequest) => Promise<HttpReply>;

export type DockerRoute = Route<DockerHandler>;

/** @throws TuttiError `unavailable` in Swarm's words while there is no cluster. */
export function requireCluster(context: ManagerContext): Cluster {
  const cluster = context.controlPlane.cluster();
  if (cluster === undefined) throw notAManager();
  return cluster;
}

function notAManager(): TuttiError {
  return new TuttiError(
    'unavailable',
    'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" ' +
      'to connect this node to swarm and try again.',
  );
}

/** Routes that need a cluster. */
export function inCluster(context: ManagerContext, handler: DockerHandler): DockerHandler {
  return async (request) => {
    requireCluster(context);
    return handler(request);
  };
}
