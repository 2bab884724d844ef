import type { HttpAnswer, HttpPeer, HttpReply } from '../host/http.ts';
import type { JoinRequest, MembershipState, NodeMembership } from '../host/membership.ts';
import { TuttiError } from '../lib/error.ts';
import { clusterPort, formatHostPort, type HostPort, parseHostPort } from '../lib/host-port.ts';
import { type DaemonContext, toManager } from './daemon-context.ts';
import { checkAddress } from './compile-swarm.ts';
import { alreadyInCluster } from './already-in-cluster.ts';
import { forceNewCluster } from './force-new-cluster.ts';
import { refuse } from './refuse.ts';
import { emptyReply, type SwarmHeader } from './reply.ts';
import { type DockerRequest, queryFlag, readDocument } from './request.ts';
import { joinSchema } from './schema-swarm.ts';
import { workerSentence } from './worker-sentence.ts';

const leftLimitMs = 5_000;
const nextManagerLimitMs = 10_000;
const nextManagerPollMs = 50;

/**
 * What of `/swarm` the daemon answers itself: a node that is, or becomes, a worker has no manager.
 * Undefined: it is the manager's.
 */
export async function answerMembership(
  context: DaemonContext,
  from: { readonly request: DockerRequest; readonly path: string },
): Promise<HttpReply | undefined> {
  const { request, path } = from;
  const { membership } = context;
  const { state } = membership;
  const isMember = state.kind !== 'fresh';
  switch (`${request.http.method} ${path}`) {
    case 'POST /swarm/join':
      if (isMember && membership.isLost) {
        await membership.findAgain(await compileJoin(context, request));
        return emptyReply(200);
      }
      if (isMember || (await hasCluster(context, request))) throw alreadyInCluster();
      await membership.join(await compileJoin(context, request));
      return emptyReply(200);
    case 'POST /swarm/init':
      if (state.kind === 'manager') return await forceNewCluster(context, request);
      if (isMember) throw alreadyInCluster();
      return undefined;
    case 'POST /swarm/leave':
      if (!isMember) return undefined;
      if (state.kind === 'manager') {
        // The last one takes the cluster with it, which is its manager's to do.
        if (!state.managers.some(({ nodeId }) => nodeId !== state.nodeId)) {
          return leaveWithManager(context, request);
        }
        if (!queryFlag(request, 'force')) throw stillManager();
      }
      await membership.leave();
      return emptyReply(200);
    default:
      return undefined;
  }
}

/** The process of the manager ends with the cluster, maybe before it has said so. */
function leaveWithManager(context: DaemonContext, request: DockerRequest): HttpReply {
  return {
    ...toManager(context, { request }),
    instead: async () => {
      if (!(await isLeft(context, request.http.signal))) return undefined;
      await nextManager(context, request.http.signal);
      return emptyReply(200);
    },
  };
}

/** The daemon hears of it by another way, which may take longer than the end of the process. */
async function isLeft({ membership, clock }: DaemonContext, signal: AbortSignal): Promise<boolean> {
  const until = clock.now() + leftLimitMs;
  while (membership.state.kind !== 'fresh' && !signal.aborted && clock.now() < until) {
    await clock.sleep(nextManagerPollMs, signal).catch(() => undefined);
  }
  return membership.state.kind === 'fresh';
}

/** Whoever is told that the cluster is gone may make the next one at once. */
async function nextManager(context: DaemonContext, signal: AbortSignal): Promise<void> {
  const { manager, clock } = context;
  const until = clock.now() + nextManagerLimitMs;
  while (!signal.aborted && clock.now() < until) {
    const ping = manager.call({ method: 'GET', target: '/_ping', signal });
    if (await ping.then(isThere, () => false)) return;
    await clock.sleep(nextManagerPollMs, signal).catch(() => undefined);
  }
}

function isThere({ status }: HttpAnswer): boolean {
  return status === 200;
}

/** The manager of this machine; where there is none, what a node without one knows. */
export class MemberPeer implements HttpPeer {
  readonly #manager: HttpPeer;
  readonly #membership: NodeMembership;

  constructor(options: { readonly manager: HttpPeer; readonly membership: NodeMembership }) {
    this.#manager = options.manager;
    this.#membership = options.membership;
  }

  get socketPath(): string {
    return this.#manager.socketPath;
  }

  async call(call: Parameters<HttpPeer['call']>[0]): Promise<HttpAnswer> {
    const { state } = this.#membership;
    if (state.kind === 'fresh' || state.kind === 'manager') return await this.#manager.call(call);
    const path = pathOf(call.target);
    if (path === '/_ping') return answer(200, '', { swarm: swarmHeaderOf(state) });
    if (path === '/info') return answer(200, JSON.stringify({ Swarm: showSwarm(state) }));
    if (state.kind === 'joining') return await this.#manager.call(call);
    // Networks of the cluster are the managers' to show.
    if (path === '/networks') return answer(200, '[]');
    if (path.startsWith('/networks/')) return answer(404, '{"message":"no such network"}');
    return answer(503, JSON.stringify({ message: workerSentence }));
  }

  async open(call: Parameters<HttpPeer['open']>[0]): ReturnType<HttpPeer['open']> {
    if (this.#membership.state.kind !== 'worker') return await this.#manager.open(call);
    return { status: 200, headers: {}, chunks: nothing() };
  }
}

function answer(status: number, text: string, headers: HttpAnswer['headers'] = {}): HttpAnswer {
  return { status, headers, body: new TextEncoder().encode(text) };
}

async function* nothing(): AsyncGenerator<Uint8Array> {
  // The cluster's events are told by managers.
}

/** Without version and query. */
function pathOf(target: string): string {
  return target.replace(/\?.*$/, '').replace(/^\/v[\d.]+(?=\/)/, '');
}

function swarmHeaderOf(state: MembershipState): SwarmHeader {
  return state.kind === 'worker' ? 'active/worker' : 'pending';
}

/** The section `Swarm` of `docker info`. */
function showSwarm(state: Exclude<MembershipState, { kind: 'fresh' | 'manager' }>): object {
  if (state.kind === 'joining') {
    return {
      NodeID: '',
      NodeAddr: '',
      LocalNodeState: 'pending',
      ControlAvailable: false,
      Error: state.trouble,
      RemoteManagers: null,
    };
  }
  return {
    NodeID: state.nodeId,
    NodeAddr: state.address,
    LocalNodeState: 'active',
    ControlAvailable: false,
    Error: state.trouble,
    RemoteManagers: state.managers.map(({ nodeId, address }) => ({
      NodeID: nodeId,
      Addr: address,
    })),
  };
}

/** Whether this machine's own manager has one. */
async function hasCluster(context: DaemonContext, request: DockerRequest): Promise<boolean> {
  const { signal } = request.http;
  const { headers } = await context.manager.call({ method: 'GET', target: '/_ping', signal });
  return headers['swarm'] === 'active/manager' || headers['swarm'] === 'locked';
}

async function compileJoin(context: DaemonContext, request: DockerRequest): Promise<JoinRequest> {
  const document = await readDocument(request, joinSchema);
  const listen = checkAddress('ListenAddr', document.ListenAddr ?? '');
  const addresses = (document.RemoteAddrs ?? []).map((text, index) => {
    const address = parseHostPort(text);
    if (address !== undefined && address.host !== '') return formatHostPort(address);
    return refuse(
      `RemoteAddrs[${index}]`,
      `must be the address of a manager such as 192.0.2.1:2377, not ${JSON.stringify(text)}`,
    );
  });
  if (addresses.length === 0) {
    refuse('RemoteAddrs', 'at least one address of a manager must be given');
  }
  const listening = await listeningAt(context, listen);
  const given = checkAddress('AdvertiseAddr', document.AdvertiseAddr ?? '').host;
  // Where it listens on one address alone, that is where it is found.
  const advertised = given === '' ? onlyHost(listening.listenAddress) : given;
  return {
    addresses,
    token: document.JoinToken ?? '',
    availability: document.Availability ?? 'active',
    ...(advertised !== '' && { advertiseAddress: await context.resolveAddress(advertised) }),
    ...listening,
  };
}

/** Names of interfaces become addresses; what is not said is not kept. */
async function listeningAt(
  context: DaemonContext,
  { host, port }: HostPort,
): Promise<Pick<JoinRequest, 'listenAddress'>> {
  const isAny = ['', '0.0.0.0', '::'].includes(host);
  if (isAny && port === clusterPort) return {};
  const listening = isAny ? host || '0.0.0.0' : await context.resolveAddress(host);
  return { listenAddress: formatHostPort({ host: listening, port }) };
}

function onlyHost(listenAddress: string | undefined): string {
  const host = parseHostPort(listenAddress ?? '')?.host ?? '';
  return ['0.0.0.0', '::'].includes(host) ? '' : host;
}

function stillManager(): TuttiError {
  return new TuttiError(
    'unavailable',
    'You are attempting to leave the swarm on a node that is participating as a manager. ' +
      'It is demoted first, where the other managers can do without it. ' +
      'Use `--force` to ignore this message. ',
  );
}
