import type { Clock } from '../host/clock.ts';
import { TuttiError } from '../lib/error.ts';
import { parseAddress } from '../lib/ipv4.ts';
import type {
  ClusterExamination,
  ExaminationOrder,
  ExaminationStep,
  ExaminedNode,
  ExaminedPeer,
  ExaminedPort,
} from '../model/network-examination.ts';
import type { Node } from '../model/node.ts';
import type { Observed } from '../model/observed.ts';
import type { View } from '../store/view.ts';
import type { AgentMessage } from '../wire/messages.ts';
import { theCluster } from './cluster-row.ts';
import type { Dispatcher } from './dispatcher.ts';
import { passedMtu } from './passed-mtu.ts';
import type { Writer } from './writer.ts';

/** Agents look for 12 s at most where all is lost. */
const limitMs = 20_000;
/** Each node asks every other one. */
const mostNodes = 64;
const mostPorts = 16;

type Outcome = ExaminedNode['outcome'];
type Examined = Extract<AgentMessage, { readonly kind: 'examined' }>;

interface Running {
  readonly requestId: string;
  readonly asked: ReadonlySet<string>;
  readonly outcomes: Map<string, Outcome>;
  /** Another outcome is there. */
  news: PromiseWithResolvers<void>;
}

/** Has all nodes look at their networks at the same time: one look at a time. */
export class NetworkExaminations {
  readonly #view: View;
  readonly #observed: Observed;
  readonly #dispatcher: Dispatcher;
  readonly #clock: Clock;
  readonly #newId: () => string;
  readonly #writer: Writer;
  #running: Running | undefined;

  constructor(options: {
    readonly view: View;
    readonly observed: Observed;
    readonly dispatcher: Dispatcher;
    readonly clock: Clock;
    readonly newId: () => string;
    readonly writer: Writer;
  }) {
    this.#view = options.view;
    this.#observed = options.observed;
    this.#dispatcher = options.dispatcher;
    this.#clock = options.clock;
    this.#newId = options.newId;
    this.#writer = options.writer;
  }

  /**
   * Tells how far it is whenever a node has answered, and in the end what was seen.
   *
   * @throws TuttiError `conflict` while somebody else looks; `failed-precondition` without a
   *   cluster.
   */
  async *examine(signal: AbortSignal): AsyncGenerator<ExaminationStep, void, undefined> {
    const cluster = theCluster(this.#view);
    if (cluster === undefined) {
      throw new TuttiError('failed-precondition', 'this node is in no cluster', {
        hint: 'Make one with `docker swarm init`, or look at this machine alone with --local.',
      });
    }
    if (this.#running !== undefined) {
      throw new TuttiError('conflict', 'somebody looks at the network of the cluster already', {
        hint: 'Try again in some seconds.',
      });
    }
    const nodes = [...this.#view.nodes.all()];
    const chosen = this.#reachable(nodes).slice(0, mostNodes);
    const ports = this.#ports();
    const running: Running = {
      requestId: this.#newId(),
      asked: new Set(chosen.map(({ id }) => id)),
      outcomes: new Map(),
      news: Promise.withResolvers(),
    };
    this.#running = running;
    try {
      this.#ask(running, { chosen, ports: ports.slice(0, mostPorts), port: cluster.dataPathPort });
      yield* this.#follow(running, { chosen, signal });
      if (signal.aborted) return;
      const examination = this.#seen(running, { nodes, ports });
      const notKept = await this.#keepPassedMtu(examination);
      const leftOut = [...examination.leftOut, ...notKept];
      yield { kind: 'seen', examination: { ...examination, leftOut } };
    } finally {
      this.#running = undefined;
      for (const nodeId of running.asked) {
        this.#dispatcher.session(nodeId)?.request({ kind: 'cancel', requestId: running.requestId });
      }
    }
  }

  /**
   * Networks that are made from now on have packets that pass. Returns why not: what was seen is
   * told all the same, for a store that takes nothing is a reason to look.
   */
  async #keepPassedMtu(examination: ClusterExamination): Promise<readonly string[]> {
    const wanted = (view: Pick<View, 'clusters' | 'nodes'>): number | undefined =>
      passedMtu(examination, {
        before: theCluster(view)?.passedMtu,
        nodeCount: [...view.nodes.all()].length,
      });
    if (wanted(this.#view) === theCluster(this.#view)?.passedMtu) return [];
    try {
      await this.#writer.write((tx) => {
        const cluster = theCluster(tx);
        if (cluster === undefined) return;
        const { passedMtu: _before, ...others } = cluster;
        const size = wanted(tx);
        tx.clusters.put({ ...others, ...(size !== undefined && { passedMtu: size }) });
      });
      return [];
    } catch (error) {
      return [`the size of packets for new networks stays: ${TuttiError.from(error).message}`];
    }
  }

  /** An agent tells what it saw. */
  examined(nodeId: string, message: Examined): void {
    const running = this.#running;
    if (running?.requestId !== message.requestId || !running.asked.has(nodeId)) return;
    const { examination, failure = 'it says nothing' } = message;
    this.#settle(
      nodeId,
      examination === undefined
        ? { kind: 'failed', message: `it could not look at its network: ${failure}` }
        : { kind: 'examined', examination, receivedAt: this.#clock.now() },
    );
  }

  /** What was asked of this node will not come any more. */
  sessionEnded(nodeId: string): void {
    const message = 'its session with the leader ended while it looked at its network';
    if (this.#running?.asked.has(nodeId) === true) {
      this.#settle(nodeId, { kind: 'failed', message });
    }
  }

  #settle(nodeId: string, outcome: Outcome): void {
    const running = this.#running;
    if (running === undefined || running.outcomes.has(nodeId)) return;
    running.outcomes.set(nodeId, outcome);
    running.news.resolve();
  }

  #reachable(nodes: readonly Node[]): readonly Node[] {
    return nodes.filter(
      ({ id }) =>
        this.#dispatcher.session(id) !== undefined && this.#observed.node(id)?.state !== 'down',
    );
  }

  /** Published TCP ports that lead to a task that is ready. */
  #ports(): readonly ExaminedPort[] {
    return [...this.#view.services.all()].flatMap(({ id, spec, publishedPorts, removing }) => {
      const isReady = [...this.#view.tasks.by('service', id)].some(
        (task) => task.desired === 'running' && this.#observed.task(task.id)?.state === 'running',
      );
      if (!isReady || removing === true) return [];
      return publishedPorts.flatMap(({ protocol, mode, publishedPort: port }) =>
        protocol === 'tcp' && mode === 'ingress' && port !== undefined
          ? [{ port, service: spec.name }]
          : [],
      );
    });
  }

  #ask(
    { requestId }: Running,
    what: {
      readonly chosen: readonly Node[];
      readonly ports: readonly ExaminedPort[];
      readonly port: number;
    },
  ): void {
    const all = what.chosen.map(
      ({ id: nodeId, description: { address } }, index): ExaminedPeer => ({
        nodeId,
        address,
        place: index + 1,
      }),
    );
    // Networks between nodes are of IPv4, and agents take no order with another address.
    const found = all.filter(({ address }) => parseAddress(address) !== undefined);
    for (const node of all) {
      const self = found.find((one) => one === node);
      const peers = found.filter((one) => one !== node);
      const order: ExaminationOrder = {
        ...(self !== undefined && { self }),
        peers,
        ports: what.ports,
        dataPathPort: what.port,
      };
      this.#dispatcher.session(node.nodeId)?.request({ kind: 'examine', requestId, order });
    }
  }

  async *#follow(
    running: Running,
    { chosen, signal }: { readonly chosen: readonly Node[]; readonly signal: AbortSignal },
  ): AsyncGenerator<ExaminationStep, void, undefined> {
    const over = new AbortController();
    const timer = AbortSignal.any([signal, over.signal]);
    let isLate = false;
    const late = this.#clock.sleep(limitMs, timer).then(
      () => {
        isLate = true;
      },
      () => undefined,
    );
    try {
      for (;;) {
        const waitingFor = chosen
          .filter(({ id }) => !running.outcomes.has(id))
          .map(({ description: { hostname } }) => hostname);
        yield { kind: 'progress', asked: chosen.length, waitingFor };
        if (waitingFor.length === 0 || isLate || signal.aborted) return;
        await Promise.race([running.news.promise, late]);
        running.news = Promise.withResolvers();
      }
    } finally {
      over.abort();
    }
  }

  #seen(
    { asked, outcomes }: Running,
    what: { readonly nodes: readonly Node[]; readonly ports: readonly ExaminedPort[] },
  ): ClusterExamination {
    const skipped = this.#reachable(what.nodes).filter(({ id }) => !asked.has(id));
    const isSkipped = new Set(skipped.map(({ id }) => id));
    const more = what.ports.length - mostPorts;
    return {
      scope: 'cluster',
      nodes: what.nodes
        .filter(({ id }) => !isSkipped.has(id))
        .map(({ id: nodeId, description: { hostname, address } }) => ({
          nodeId,
          hostname,
          address,
          outcome: outcomes.get(nodeId) ?? this.#silence(nodeId, asked.has(nodeId)),
        })),
      dataPathPort: theCluster(this.#view)?.dataPathPort ?? 0,
      leftOut: [
        ...(skipped.length > 0
          ? [`${skipped.length} nodes beyond ${mostNodes} were left out`]
          : []),
        ...(more > 0 ? [`${more} published ports beyond ${mostPorts} were left out`] : []),
      ],
    };
  }

  #silence(nodeId: string, wasAsked: boolean): Outcome {
    if (wasAsked) {
      return {
        kind: 'failed',
        message: `it did not say within ${limitMs / 1_000} s what it sees`,
        hint: 'Its daemon may be of an older version, or overloaded: `tutti node ls`, and its log.',
      };
    }
    const state = this.#observed.node(nodeId)?.state ?? 'unknown';
    return {
      kind: 'failed',
      message: `it has no session with the leader (${state})`,
      hint:
        'See that its daemon runs, and that it reaches the managers’ cluster port (2377, TCP and ' +
        'UDP); `tutti doctor net --local` on it says what it sees by itself.',
    };
  }
}
