import type { HttpAnswer, HttpPeer } from '../host/http.ts';
import { TuttiError } from '../lib/error.ts';
import { type ApiMinor, formatApi } from './api-version.ts';
import { type DaemonContext, engineAway, managerAway } from './daemon-context.ts';
import { readJson } from './engine-api.ts';
import { isRecord } from './go-json.ts';
import { backingNetworkLabel } from '../model/labels.ts';

/** A network as one of the two sides shows it. */
export interface ShownNetwork {
  readonly scope: 'local' | 'swarm';
  readonly id: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, unknown>>;
  readonly document: Readonly<Record<string, unknown>>;
}

function isBacking(network: ShownNetwork): boolean {
  return Object.hasOwn(network.labels, backingNetworkLabel);
}

interface Question {
  readonly version: ApiMinor;
  readonly signal: AbortSignal;
}

/** The engine's networks without those that only carry a cluster network. */
export async function listLocalNetworks(
  context: DaemonContext,
  options: Question & { readonly query: string },
): Promise<readonly ShownNetwork[]> {
  const answer = await reach(context.engine.peer, () => context.engine.get('/networks', options));
  return readList(answer, 'local').filter((network) => !isBacking(network));
}

export async function listClusterNetworks(
  context: DaemonContext,
  options: Question & { readonly query: string },
): Promise<readonly ShownNetwork[]> {
  const query = options.query === '' ? '' : `?${options.query}`;
  const answer = await askManager(context, `/networks${query}`, options);
  return readList(answer, 'swarm');
}

/** The network with this id or name, or undefined. Backing networks cannot be found. */
export async function findLocalNetwork(
  context: DaemonContext,
  options: Question & { readonly reference: string },
): Promise<ShownNetwork | undefined> {
  const path = `/networks/${encodeURIComponent(options.reference)}`;
  const answer = await reach(context.engine.peer, () => context.engine.get(path, options));
  const network = answer.status === 404 ? undefined : readOne(answer, 'local');
  return network === undefined || isBacking(network) ? undefined : network;
}

export async function findNetworkOfCluster(
  context: DaemonContext,
  options: Question & { readonly reference: string },
): Promise<ShownNetwork | undefined> {
  const path = `/networks/${encodeURIComponent(options.reference)}`;
  const answer = await askManager(context, path, options);
  return answer.status === 404 ? undefined : readOne(answer, 'swarm');
}

/** The engine's network that carries a network of the cluster on this node. */
export async function findBackingNetwork(
  context: DaemonContext,
  options: Question & { readonly networkId: string },
): Promise<ShownNetwork | undefined> {
  const filters = JSON.stringify({ label: [`${backingNetworkLabel}=${options.networkId}`] });
  const query = `filters=${encodeURIComponent(filters)}`;
  const listed = await context.engine.get('/networks', { ...options, query });
  return readList(listed, 'local')[0];
}

/** What the engine knows of the containers on the network that carries a cluster network here. */
export async function containersOn(
  context: DaemonContext,
  options: Question & { readonly networkId: string },
): Promise<unknown> {
  const backing = await findBackingNetwork(context, options);
  if (backing === undefined) return undefined;
  const answer = await context.engine.get(`/networks/${backing.id}`, options);
  return answer.status === 200 ? readOne(answer, 'local').document['Containers'] : undefined;
}

async function askManager(
  context: DaemonContext,
  path: string,
  question: Question,
): Promise<HttpAnswer> {
  const target = `/v${formatApi(question.version)}${path}`;
  return reach(context.manager, () =>
    context.manager.call({ method: 'GET', target, signal: question.signal }),
  ).catch((reason: unknown) => {
    const error = TuttiError.from(reason);
    throw error.code === 'unavailable' ? managerAway() : error;
  });
}

async function reach(peer: HttpPeer, call: () => Promise<HttpAnswer>): Promise<HttpAnswer> {
  try {
    return await call();
  } catch (reason) {
    const error = TuttiError.from(reason);
    throw error.code === 'unavailable' ? engineAway(peer.socketPath) : error;
  }
}

function readList(answer: HttpAnswer, scope: ShownNetwork['scope']): readonly ShownNetwork[] {
  const value = readSuccess(answer);
  if (!Array.isArray(value)) throw new TuttiError('unavailable', 'a list of networks is no list');
  return value.map((item: unknown) => toNetwork(item, scope));
}

function readOne(answer: HttpAnswer, scope: ShownNetwork['scope']): ShownNetwork {
  return toNetwork(readSuccess(answer), scope);
}

/** The other side's refusal is passed on with its own status and words. */
function readSuccess(answer: HttpAnswer): unknown {
  const value = readJson(answer);
  if (answer.status === 200) return value;
  const message = isRecord(value) && typeof value['message'] === 'string' ? value['message'] : '';
  const code = answer.status === 400 ? 'invalid-argument' : 'unavailable';
  throw new TuttiError(code, message === '' ? `status ${answer.status}` : message);
}

function toNetwork(value: unknown, scope: ShownNetwork['scope']): ShownNetwork {
  if (!isRecord(value)) throw new TuttiError('unavailable', 'a network is no object');
  const text = (key: string): string => (typeof value[key] === 'string' ? value[key] : '');
  const labels = isRecord(value['Labels']) ? value['Labels'] : {};
  return { scope, id: text('Id'), name: text('Name'), labels, document: value };
}
