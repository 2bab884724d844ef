import type { Attachments } from '../host/attachments.ts';
import type { Clock } from '../host/clock.ts';
import type { HttpHandler, HttpPeer, HttpReply, HttpRequest } from '../host/http.ts';
import type { Logger } from '../host/logger.ts';
import type { NodeMembership } from '../host/membership.ts';
import { TuttiError } from '../lib/error.ts';
import { RouteTable } from '../lib/route-table.ts';
import { newestApi, splitVersion } from './api-version.ts';
import type { DaemonContext, DaemonHandler } from './daemon-context.ts';
import { toManager } from './daemon-context.ts';
import { EngineApi } from './engine-api.ts';
import { answerMembership, MemberPeer } from './membership-routes.ts';
import { localRoutes } from './local-routes.ts';
import { pingReply } from './ping.ts';
import { errorReply, standardHeaders, type SwarmHeader, withHeaders } from './reply.ts';
import { containerRoutes } from './routes-containers.ts';
import { containerCreateRoute } from './routes-container-create.ts';
import { eventsRoute } from './routes-daemon-events.ts';
import { infoRoutes } from './routes-daemon-info.ts';
import { networkRoutesOfDaemon } from './routes-daemon-networks.ts';
import { volumePruneRoute } from './routes-volumes.ts';
import { unknownRoute } from './unknown-route.ts';

export interface DaemonRoutesOptions {
  readonly engine: HttpPeer;
  readonly manager: HttpPeer;
  readonly membership: NodeMembership;
  readonly attachments: Attachments;
  readonly resolveAddress: DaemonContext['resolveAddress'];
  readonly clock: Clock;
  readonly logger: Logger;
  readonly productVersion: string;
}

/**
 * Everything under these belongs to the cluster: the manager answers, also that it does not know
 * it.
 */
const clusterPrefixes = new Set(['swarm', 'services', 'tasks', 'nodes', 'secrets', 'configs']);

/** Our own API, beside Docker's. */
const ownPrefix = '/tutti/';

const swarmHeaders: readonly SwarmHeader[] = [
  'inactive',
  'pending',
  'locked',
  'active/worker',
  'active/manager',
];

const pingTimeoutMs = 1_000;

/**
 * The daemon's half of the Docker API: the socket that `docker` talks to. What is the cluster's
 * goes to the manager, what is the machine's own to the container engine, and what is neither is
 * refused.
 */
export function daemonRoutes(options: DaemonRoutesOptions): HttpHandler {
  return new DaemonHalf(options).handle;
}

class DaemonHalf {
  readonly #table: RouteTable<DaemonHandler>;
  readonly #context: DaemonContext;
  readonly #options: DaemonRoutesOptions;
  /** As the manager said it last. */
  #swarm: SwarmHeader = 'inactive';

  constructor(options: DaemonRoutesOptions) {
    this.#options = options;
    this.#table = new RouteTable<DaemonHandler>([
      ...localRoutes(),
      ...infoRoutes,
      ...networkRoutesOfDaemon,
      ...containerRoutes,
      containerCreateRoute,
      eventsRoute,
      volumePruneRoute,
    ]);
    this.#context = {
      engine: new EngineApi(options.engine),
      manager: new MemberPeer(options),
      membership: options.membership,
      attachments: options.attachments,
      resolveAddress: options.resolveAddress,
      clock: options.clock,
      productVersion: options.productVersion,
      headers: () => standardHeaders(options.productVersion, this.#swarm),
    };
  }

  readonly handle: HttpHandler = async (request) => {
    const reply = await this.#answer(request);
    // What the manager answers carries its own headers, which are the same and newer.
    return reply.kind === 'forward' ? reply : withHeaders(reply, this.#context.headers());
  };

  async #answer(request: HttpRequest): Promise<HttpReply> {
    try {
      if (request.path.startsWith(ownPrefix)) {
        return toManager(this.#context, {
          request: { http: request, version: newestApi, params: {} },
        });
      }
      const { version, path } = splitVersion(request.path);
      if (path === '/_ping') return await this.#ping(request);
      const own = await answerMembership(this.#context, {
        request: { http: request, version, params: {} },
        path,
      });
      if (own !== undefined) return own;
      if (clusterPrefixes.has(path.split('/')[1] ?? '')) {
        return toManager(this.#context, { request: { http: request, version, params: {} } });
      }
      const match = this.#table.find(request.method, path);
      if (match.kind === 'found') {
        return await match.handler(this.#context, { http: request, version, params: match.params });
      }
      throw unknownRoute(request, match.kind === 'wrong-method' ? match.allowed : []);
    } catch (reason) {
      return this.#fail(request, reason);
    }
  }

  #fail(request: HttpRequest, reason: unknown): HttpReply {
    const error = TuttiError.from(reason);
    if (error.code === 'internal') {
      this.#options.logger.error('a request failed', {
        method: request.method,
        path: request.path,
        error: error.stack ?? error.message,
      });
    }
    return errorReply(error);
  }

  /** Asks both sides how they are, and answers even when neither does. */
  async #ping(request: HttpRequest): Promise<HttpReply> {
    const over = new AbortController();
    const signal = AbortSignal.any([request.signal, over.signal]);
    const late = this.#context.clock.sleep(pingTimeoutMs, signal).then(
      () => over.abort(),
      () => undefined,
    );
    const [engine, manager] = await Promise.all([
      headersOf(this.#options.engine, signal),
      headersOf(this.#context.manager, signal),
    ]);
    over.abort();
    await late;
    this.#swarm = swarmState(manager);
    this.#context.engine.noteNewest(engine?.['api-version']);
    const builder = engine?.['builder-version'];
    return withHeaders(pingReply(), {
      ...this.#context.headers(),
      ...(builder === undefined ? {} : { 'Builder-Version': builder }),
    });
  }
}

async function headersOf(
  peer: HttpPeer,
  signal: AbortSignal,
): Promise<Readonly<Record<string, string>> | undefined> {
  try {
    return (await peer.call({ method: 'GET', target: '/_ping', signal })).headers;
  } catch {
    // Not there, or too slow: the headers then say what is known without it.
    return undefined;
  }
}

function swarmState(headers: Readonly<Record<string, string>> | undefined): SwarmHeader {
  const said = headers?.['swarm'];
  return swarmHeaders.find((one) => one === said) ?? 'error';
}
