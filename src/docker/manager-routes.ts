import type { HttpHandler, HttpReply, HttpRequest } from '../host/http.ts';
import type { Logger } from '../host/logger.ts';
import { RouteTable } from '../lib/route-table.ts';
import { TuttiError } from '../lib/error.ts';
import { splitVersion } from './api-version.ts';
import { EventLog } from './event-log.ts';
import type { DockerHandler, DockerRoute, ManagerContext } from './manager-context.ts';
import { pingReply } from './ping.ts';
import { errorReply, standardHeaders, type SwarmHeader, withHeaders } from './reply.ts';
import { dataRoutes } from './routes-data.ts';
import { eventRoutes } from './routes-events.ts';
import { networkRoutes } from './routes-networks.ts';
import { nodeRoutes } from './routes-nodes.ts';
import { serviceRoutes } from './routes-services.ts';
import { swarmRoutes } from './routes-swarm.ts';
import { taskRoutes } from './routes-tasks.ts';
import { unknownRoute } from './unknown-route.ts';

export interface ManagerRoutesOptions extends Omit<ManagerContext, 'events'> {
  readonly productVersion: string;
  readonly logger: Logger;
}

export interface ManagerRoutes {
  readonly handle: HttpHandler;
  /** Stops listening to the control plane. */
  close(): void;
}

/**
 * The manager's half of the Docker API: everything that is the cluster's. It needs nothing but a
 * control plane; the daemon on each node passes such requests on to it.
 */
export function managerRoutes(options: ManagerRoutesOptions): ManagerRoutes {
  const { controlPlane, logger, productVersion } = options;
  const events = new EventLog(controlPlane);
  const table = new RouteTable<DockerHandler>(routesOf({ ...options, events }));
  const swarm = (): SwarmHeader =>
    controlPlane.cluster() === undefined ? 'inactive' : 'active/manager';
  return {
    handle: async (request) => {
      const headers = standardHeaders(productVersion, swarm());
      if (request.path === '/_ping') return withHeaders(pingReply(), headers);
      return withHeaders(await answer(table, { request, logger }), headers);
    },
    close: () => events.close(),
  };
}

function routesOf(context: ManagerContext): readonly DockerRoute[] {
  return [
    ...swarmRoutes(context),
    ...serviceRoutes(context),
    ...taskRoutes(context),
    ...nodeRoutes(context),
    ...dataRoutes(context),
    ...networkRoutes(context),
    ...eventRoutes(context),
  ];
}

async function answer(
  table: RouteTable<DockerHandler>,
  from: { readonly request: HttpRequest; readonly logger: Logger },
): Promise<HttpReply> {
  const { request, logger } = from;
  try {
    const { version, path } = splitVersion(request.path);
    const match = table.find(request.method, path);
    if (match.kind !== 'found') {
      throw unknownRoute(request, match.kind === 'wrong-method' ? match.allowed : []);
    }
    return await match.handler({ http: request, version, params: match.params });
  } catch (reason) {
    const error = TuttiError.from(reason);
    if (error.code === 'internal') {
      logger.error('a request failed', {
        method: request.method,
        path: request.path,
        error: error.stack ?? error.message,
      });
    }
    return errorReply(error);
  }
}
