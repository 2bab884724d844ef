import type { HttpPeer } from '../host/http.ts';
import type { PlaygroundMachine } from '../host/playground-machine.ts';
import { TuttiError } from '../lib/error.ts';
import { hostPlaces } from './places.ts';
import { until } from './programs.ts';
import type { PlaygroundHost, PlaygroundState } from './state.ts';

const port = 2377;
const readyLimitMs = 60_000;
const lookEveryMs = 50;

/** Makes a cluster on the first manager, with the words of `docker swarm init`. */
export async function initCluster(
  machine: PlaygroundMachine,
  where: { readonly state: PlaygroundState; readonly signal: AbortSignal },
): Promise<void> {
  const [first] = where.state.hosts;
  if (first === undefined) return;
  const body = {
    ListenAddr: `0.0.0.0:${port}`,
    AdvertiseAddr: `${first.address}:${port}`,
  };
  await call(peerOf(machine, where.state, first), { path: '/swarm/init', body, ...where });
}

/** Lets a host join the cluster of the first manager, with the words of `docker swarm join`. */
export async function joinCluster(
  machine: PlaygroundMachine,
  where: {
    readonly state: PlaygroundState;
    readonly host: PlaygroundHost;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const { state, host, signal } = where;
  const [first] = state.hosts;
  if (first === undefined) return;
  const { JoinTokens: tokens } = await call<{
    readonly JoinTokens: { readonly Worker: string; readonly Manager: string };
  }>(peerOf(machine, state, first), { path: '/swarm', signal });
  const body = {
    ListenAddr: `0.0.0.0:${port}`,
    AdvertiseAddr: `${host.address}:${port}`,
    RemoteAddrs: [`${first.address}:${port}`],
    JoinToken: host.role === 'manager' ? tokens.Manager : tokens.Worker,
  };
  await call(peerOf(machine, state, host), { path: '/swarm/join', body, signal });
}

interface NodeReply {
  readonly Description: { readonly Hostname: string };
  readonly Status: { readonly State: string };
  readonly ManagerStatus?: { readonly Reachability?: string };
}

/** Waits until every host is a node of the cluster that is ready, and managers are reachable. */
export async function untilReady(
  machine: PlaygroundMachine,
  { state, signal }: { readonly state: PlaygroundState; readonly signal: AbortSignal },
): Promise<void> {
  const [first] = state.hosts;
  if (first === undefined) return;
  const peer = peerOf(machine, state, first);
  const waitsFor = async (): Promise<readonly string[]> => {
    const nodes = await call<readonly NodeReply[]>(peer, { path: '/nodes', signal });
    const byName = new Map(nodes.map((node) => [node.Description.Hostname, node]));
    const isThere = ({ name, role }: PlaygroundHost): boolean => {
      const node = byName.get(name);
      const isReachable = node?.ManagerStatus?.Reachability === 'reachable';
      return node?.Status.State === 'ready' && (role === 'worker' || isReachable);
    };
    return state.hosts.filter((host) => !isThere(host)).map(({ name }) => name);
  };
  await until(machine, {
    look: async () => ((await waitsFor()).length === 0 ? true : undefined),
    limitMs: readyLimitMs,
    late: async () => `not ready in time: ${(await waitsFor()).join(', ')}`,
    everyMs: lookEveryMs,
    signal,
  });
}

function peerOf(
  machine: PlaygroundMachine,
  state: PlaygroundState,
  host: PlaygroundHost,
): HttpPeer {
  return machine.openPeer(hostPlaces(state, host).apiSocket);
}

interface ClusterCall {
  readonly path: string;
  /** Posted. */
  readonly body?: object;
  readonly signal: AbortSignal;
}

async function call<Reply>(peer: HttpPeer, { path, body, signal }: ClusterCall): Promise<Reply> {
  const answer = await peer.call({
    method: body === undefined ? 'GET' : 'POST',
    target: path,
    signal,
    ...(body !== undefined && {
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    }),
  });
  const text = new TextDecoder().decode(answer.body);
  if (answer.status < 400) return (text === '' ? undefined : JSON.parse(text)) as Reply;
  const { message = text } = JSON.parse(text) as { readonly message?: string };
  throw new TuttiError(answer.status === 501 ? 'unimplemented' : 'unavailable', message);
}
