import type { HttpReply } from '../host/http.ts';
import { TuttiError } from '../lib/error.ts';
import { splitVersion } from './api-version.ts';
import { type DaemonContext, type DaemonRoute, toEngine, toManager } from './daemon-context.ts';
import { swarmError } from './errors.ts';
import { parseFilters } from './filters.ts';
import { connectContainer, disconnectContainer } from './connect-container.ts';
import { isRecord } from './go-json.ts';
import { guestsOn } from './guest-containers.ts';
import { networkFilters } from './network-filters.ts';
import {
  containersOn,
  findLocalNetwork,
  findNetworkOfCluster,
  listClusterNetworks,
  listLocalNetworks,
  type ShownNetwork,
} from './network-lookup.ts';
import { pruneNetworks } from './network-prune.ts';
import { jsonReply } from './reply.ts';
import { type DockerRequest, param, readJson } from './request.ts';

/** Networks: the cluster's come from the manager, the machine's own from the container engine. */
export const networkRoutesOfDaemon: readonly DaemonRoute[] = [
  { method: 'GET', pattern: '/networks', handler: listNetworks },
  { method: 'POST', pattern: '/networks/create', handler: createNetwork },
  { method: 'POST', pattern: '/networks/prune', handler: pruneNetworks },
  { method: 'GET', pattern: '/networks/:id', handler: inspectNetwork },
  { method: 'DELETE', pattern: '/networks/:id', handler: removeNetwork },
  { method: 'POST', pattern: '/networks/:id/connect', handler: connectContainer },
  { method: 'POST', pattern: '/networks/:id/disconnect', handler: disconnectContainer },
];

function questionOf(request: DockerRequest): {
  readonly version: number;
  readonly signal: AbortSignal;
} {
  return { version: request.version, signal: request.http.signal };
}

async function listNetworks(context: DaemonContext, request: DockerRequest): Promise<HttpReply> {
  // Checked here, so that both sides are asked the same or neither is.
  parseFilters(request.http.query.get('filters'), networkFilters);
  const options = { ...questionOf(request), query: request.http.query.toString() };
  const [ofCluster, local] = await Promise.all([
    listClusterNetworks(context, options),
    listLocalNetworks(context, options),
  ]);
  return jsonReply([...ofCluster, ...local].map((network) => network.document));
}

async function inspectNetwork(context: DaemonContext, request: DockerRequest): Promise<HttpReply> {
  const scope = request.http.query.get('scope') ?? '';
  const network = await resolve(context, { request, scope });
  if (network.scope === 'local') return jsonReply(network.document);
  const containers = await containersOn(context, {
    ...questionOf(request),
    networkId: network.id,
  });
  const shown = isRecord(containers) && Object.keys(containers).length > 0 ? containers : null;
  return jsonReply({ ...network.document, Containers: shown });
}

async function createNetwork(context: DaemonContext, request: DockerRequest): Promise<HttpReply> {
  const document = await readJson(request);
  const body = new TextEncoder().encode(JSON.stringify(document));
  if (isClusterNetwork(document)) return toManager(context, { request, body });
  const name = isRecord(document) ? document['Name'] : undefined;
  if (typeof name === 'string' && name !== '') {
    const taken = await findNetworkOfCluster(context, { ...questionOf(request), reference: name });
    if (taken?.name === name && !predefinedNames.has(name)) {
      throw new TuttiError('already-exists', `network with name ${name} already exists`);
    }
  }
  return toEngine(context, { request, path: splitVersion(request.http.path).path, body });
}

const predefinedNames = new Set(['bridge', 'host', 'none']);

/** Overlay is the cluster's driver; `bridge`, the default, is the engine's. */
function isClusterNetwork(document: unknown): boolean {
  if (!isRecord(document)) return false;
  const text = (key: string): string => (typeof document[key] === 'string' ? document[key] : '');
  return text('Driver') === 'overlay' || text('Scope') === 'swarm' || document['Ingress'] === true;
}

async function removeNetwork(context: DaemonContext, request: DockerRequest): Promise<HttpReply> {
  const network = await resolve(context, { request, scope: '' });
  if (network.scope === 'local') {
    return toEngine(context, { request, path: `/networks/${network.id}` });
  }
  await context.attachments.untilNoted();
  const [guest] = await guestsOn(context, { ...questionOf(request), networkId: network.id });
  if (guest !== undefined) {
    throw swarmError(
      'failed-precondition',
      `network ${network.name} is in use by container ${guest}`,
    );
  }
  return toManager(context, { request });
}

/**
 * Finds a network on both sides: an exact id or name of the machine's own, then one of the
 * cluster's, then whoever has the reference as the beginning of its id (moby
 * api/server/router/network).
 */
async function resolve(
  context: DaemonContext,
  from: { readonly request: DockerRequest; readonly scope: string },
): Promise<ShownNetwork> {
  const { request, scope } = from;
  const reference = param(request, 'id');
  const options = { ...questionOf(request), reference };
  if (!['', 'local', 'swarm', 'global'].includes(scope)) {
    throw new TuttiError('invalid-argument', `scope: must be local or swarm, not ${scope}`, {
      field: 'scope',
    });
  }
  const wants = (one: 'local' | 'swarm'): boolean => scope === '' || scope === one;
  const local = wants('local') ? await findLocalNetwork(context, options) : undefined;
  if (local !== undefined && isExact(local, reference)) return local;
  const ofCluster = wants('swarm') ? await findNetworkOfCluster(context, options) : undefined;
  if (ofCluster !== undefined && isExact(ofCluster, reference)) return ofCluster;
  if (local !== undefined && ofCluster !== undefined) {
    throw new TuttiError(
      'invalid-argument',
      `network ${reference} is ambiguous (2 matches found based on ID prefix)`,
    );
  }
  const found = local ?? ofCluster;
  if (found === undefined) throw new TuttiError('not-found', `network ${reference} not found`);
  return found;
}

function isExact(network: ShownNetwork, reference: string): boolean {
  return network.id === reference || network.name.toLowerCase() === reference.toLowerCase();
}
