import type { HttpReply } from '../host/http.ts';
import { TuttiError } from '../lib/error.ts';
import { formatApi, newestApi, oldestApi } from './api-version.ts';
import { type DaemonContext, type DaemonRoute, engineAway, managerAway } from './daemon-context.ts';
import { readJson } from './engine-api.ts';
import { isRecord } from './go-json.ts';
import { jsonReply } from './reply.ts';
import { sentenceOf } from './errors.ts';
import type { DockerRequest } from './request.ts';

type Document = Readonly<Record<string, unknown>>;

/** What the engine says of the machine, what the manager says of the cluster, and who we are. */
export const infoRoutes: readonly DaemonRoute[] = [
  { method: 'GET', pattern: '/info', handler: showInfo },
  { method: 'GET', pattern: '/version', handler: showVersion },
];

async function showInfo(context: DaemonContext, request: DockerRequest): Promise<HttpReply> {
  const [engine, swarm] = await Promise.all([
    askEngine(context, { request, path: '/info' }),
    askSwarm(context, request),
  ]);
  // In its own place, so that the keys keep Docker's order.
  return jsonReply({ ...engine, Swarm: swarm });
}

async function askSwarm(context: DaemonContext, request: DockerRequest): Promise<unknown> {
  const target = `/v${formatApi(request.version)}/info`;
  try {
    const { signal } = request.http;
    const said = readJson(await context.manager.call({ method: 'GET', target, signal }));
    if (isRecord(said) && isRecord(said['Swarm'])) return said['Swarm'];
    throw managerAway();
  } catch (reason) {
    const error = TuttiError.from(reason);
    if (error.code !== 'unavailable') throw error;
    return {
      NodeID: '',
      NodeAddr: '',
      LocalNodeState: 'error',
      ControlAvailable: false,
      Error: sentenceOf(managerAway()),
      RemoteManagers: null,
    };
  }
}

async function showVersion(context: DaemonContext, request: DockerRequest): Promise<HttpReply> {
  const engine = await askEngine(context, { request, path: '/version' });
  const { Components: said } = engine;
  const components: readonly unknown[] = Array.isArray(said) ? said : [];
  return jsonReply({
    ...engine,
    Components: [...components, ourComponent(context.productVersion)],
    ApiVersion: formatApi(newestApi),
    MinAPIVersion: formatApi(oldestApi),
  });
}

function ourComponent(productVersion: string): object {
  return {
    Name: 'Tutti',
    Version: productVersion,
    Details: { ApiVersion: formatApi(newestApi), MinAPIVersion: formatApi(oldestApi) },
  };
}

async function askEngine(
  context: DaemonContext,
  from: { readonly request: DockerRequest; readonly path: string },
): Promise<Document> {
  const { request, path } = from;
  const { engine } = context;
  try {
    const { version, http } = request;
    const said = readJson(await engine.get(path, { version, signal: http.signal }));
    if (isRecord(said)) return said;
  } catch (reason) {
    const error = TuttiError.from(reason);
    if (error.code !== 'unavailable') throw error;
  }
  throw engineAway(engine.peer.socketPath);
}
