import { createServer } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SimulatedDisk } from '../../sim/disk.ts';
import { MemoryEngine } from '../../sim/memory-engine.ts';
import { smallMachine } from '../../sim/scripted-agent.ts';
import type { Clock } from '../../src/host/clock.ts';
import type { Logger } from '../../src/host/logger.ts';
import type { JoinRequest } from '../../src/host/membership.ts';
import type { AgentTransport } from '../../src/host/transport.ts';
import { TuttiError } from '../../src/lib/error.ts';
import { type Manager, type PortUses, startManager } from '../../src/manager/manager.ts';
import { Membership } from '../../src/membership/membership.ts';
import { clusterDefaults } from '../../src/model/cluster.ts';
import type { NodeState } from '../../src/model/node.ts';
import { NodeIdentityFile } from '../../src/os/certificates-files.ts';
import { TcpClusterPort } from '../../src/os/cluster-port.ts';
import { managerCalls } from '../../src/os/manager-calls.ts';
import { NetworkTransport } from '../../src/os/network-transport.ts';
import { MachineKeys } from '../../src/os/node-keys.ts';
import {
  serveSessions,
  type SessionServer,
  sessionClient,
} from '../../src/os/session-transport.ts';
import { SystemClock } from '../../src/os/system-clock.ts';
import { SystemRandom } from '../../src/os/system-random.ts';
import { certificatesCommand, Workshop } from './workshop.ts';

const waitLimitMs = 20_000;
const lookEveryMs = 10;

/** The machine's clock, and how far it is wrong. */
export class SetClock implements Clock {
  readonly #real = new SystemClock();
  aheadMs = 0;

  now(): number {
    return this.#real.now() + this.aheadMs;
  }

  async sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    await this.#real.sleep(delayMs, signal);
  }

  async turn(): Promise<void> {
    await this.#real.turn();
  }
}

/** What was written to a log. */
export class KeptLog implements Logger {
  readonly lines: { readonly message: string; readonly fields: object | undefined }[] = [];
  readonly debug = (): void => undefined;
  readonly info = (message: string, fields?: object): void => this.#keep(message, fields);
  readonly warn = (message: string, fields?: object): void => this.#keep(message, fields);
  readonly error = (message: string, fields?: object): void => this.#keep(message, fields);

  #keep(message: string, fields: object | undefined): void {
    this.lines.push({ message, fields });
  }

  /** The reasons of the refusals in it, in their order. */
  get refusals(): readonly string[] {
    return this.lines.flatMap(({ message, fields }) =>
      message === 'refused' && fields !== undefined && 'reason' in fields
        ? String(fields.reason)
        : [],
    );
  }
}

/** A real manager in memory with a real authority, and its port on the loopback. */
export class NetworkCluster implements AsyncDisposable {
  readonly workshop: Workshop;
  readonly manager: Manager;
  readonly clock: SetClock;
  readonly log: KeptLog;
  /** `127.0.0.1:…` */
  readonly address: string;
  readonly #sessions: SessionServer;
  readonly #nodes: TestMember[] = [];

  private constructor(made: {
    readonly workshop: Workshop;
    readonly manager: Manager;
    readonly clock: SetClock;
    readonly log: KeptLog;
    readonly address: string;
    readonly sessions: SessionServer;
  }) {
    this.workshop = made.workshop;
    this.manager = made.manager;
    this.clock = made.clock;
    this.log = made.log;
    this.address = made.address;
    this.#sessions = made.sessions;
  }

  /** `port`: the one to take, where another than a free one is wanted. */
  static async start(options: { readonly port?: number } = {}): Promise<NetworkCluster> {
    const workshop = await Workshop.open();
    const clock = new SetClock();
    const log = new KeptLog();
    const manager = await startManager({
      engine: new MemoryEngine(new SimulatedDisk()),
      clock,
      random: new SystemRandom(),
      authority: workshop.authority,
      logger: log,
      port: (uses: PortUses) => new TcpClusterPort({ ...uses, logger: log }),
    });
    const socketPath = join(workshop.directory, 'session.sock');
    const sessions = await serveSessions({ socketPath, handler: manager.handler, logger: log });
    const address = `127.0.0.1:${options.port ?? (await freePort())}`;
    const made = { workshop, manager, clock, log, address, sessions };
    const cluster = new NetworkCluster(made);
    const own = new TestMember(cluster, {
      name: 'manager',
      transport: sessionClient({ socketPath }),
    });
    cluster.#nodes.push(own);
    own.run();
    try {
      await cluster.#init();
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
    return cluster;
  }

  async #init(): Promise<void> {
    const { address } = this;
    await this.manager.controlPlane.initCluster({
      advertiseAddress: address,
      listenAddress: address,
      defaultAddressPools: [],
      subnetPrefixLength: 24,
      dataPathPort: 0,
      spec: clusterDefaults,
      availability: 'active',
      forceNewCluster: false,
    });
  }

  get token(): string {
    return this.manager.controlPlane.cluster()?.joinTokens.worker ?? '';
  }

  /** A machine that may join; its agent runs. */
  node(name: string): TestMember {
    const member = new TestMember(this, { name });
    this.#nodes.push(member);
    member.run();
    return member;
  }

  stateOf(nodeId: string): NodeState | undefined {
    return this.manager.controlPlane.observed.node(nodeId)?.state;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const node of this.#nodes) node.stop();
    await this.#sessions.close();
    await this.manager.stop();
    await this.workshop[Symbol.asyncDispose]();
  }
}

/** A machine with its membership, and an agent that listens. */
export class TestMember {
  readonly membership: Membership;
  readonly log = new KeptLog();
  readonly clock = new SetClock();
  readonly identity: NodeIdentityFile;
  readonly keys = new MachineKeys({ command: certificatesCommand });
  nodeId: string;
  /** Why the container engine does not answer. */
  engineSays: string | undefined;
  /** Whether everything of the cluster was removed. */
  cleaned = 0;
  /** What its manager thought of it when the last of its tasks was stopped. */
  stateWhenCleaned: string | undefined;
  /** Sessions that managers opened so far. */
  sessions = 0;
  readonly #name: string;
  readonly #cluster: NetworkCluster;
  readonly #stop = new AbortController();

  constructor(
    cluster: NetworkCluster,
    options: { readonly name: string; readonly transport?: AgentTransport },
  ) {
    this.#cluster = cluster;
    this.#name = options.name;
    this.nodeId = `${options.name}0001`;
    this.identity = new NodeIdentityFile(
      join(cluster.workshop.directory, options.name, 'node.json'),
    );
    const random = new SystemRandom();
    this.membership = new Membership({
      clock: this.clock,
      random,
      logger: this.log,
      disk: this.identity,
      keys: this.keys,
      calls: managerCalls,
      localTransport: options.transport ?? nowhere,
      openTransport: (identity, onRefused) => new NetworkTransport({ identity, random, onRefused }),
      nodeId: () => this.nodeId,
      describe: async () => {
        if (this.engineSays !== undefined) throw new TuttiError('unavailable', this.engineSays);
        return { ...smallMachine, hostname: this.#name };
      },
      leaveAgent: async () => await this.#clean(),
    });
  }

  async join(request: Partial<JoinRequest> = {}): Promise<void> {
    const { token, address } = this.#cluster;
    await this.membership.join({ token, addresses: [address], availability: 'active', ...request });
  }

  run(): void {
    void this.membership.run(this.#stop.signal);
    void this.#holdSession();
  }

  stop(): void {
    this.#stop.abort();
    this.keys.close();
  }

  async #clean(): Promise<void> {
    this.cleaned += 1;
    this.stateWhenCleaned = this.#cluster.stateOf(this.nodeId);
    await this.membership.forget();
    this.nodeId = `${this.nodeId}x`;
  }

  async #holdSession(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        await this.#speak(signal);
      } catch {
        // The next one may go better.
      }
      await sleep(lookEveryMs);
    }
  }

  async #speak(signal: AbortSignal): Promise<void> {
    const { transport, state } = this.membership;
    const session = await transport.openSession(signal);
    await session.send({
      kind: 'hello',
      nodeId: this.nodeId,
      clusterId: state.kind === 'worker' ? state.clusterId : '',
      sentAt: this.clock.now(),
      description: { ...smallMachine, hostname: this.#name },
      tasks: [],
    });
    for await (const message of session.incoming) {
      if (message.kind === 'assign' && message.full) this.sessions += 1;
      if (message.kind === 'renew') this.membership.renewAfter(message.delayMs);
      if (message.kind !== 'leave') continue;
      await this.#clean();
      await session.send({ kind: 'left' });
      session.close();
    }
  }
}

const nowhere: AgentTransport = {
  openSession: async () => Promise.reject(new TuttiError('unavailable', 'no manager here')),
  openLogs: async () => Promise.reject(new TuttiError('unavailable', 'no manager here')),
};

/** Resolves when it is so; sockets tell nobody when they are done. */
export async function until(what: string, isSo: () => boolean): Promise<void> {
  const giveUpAt = Date.now() + waitLimitMs;
  while (!isSo()) {
    if (Date.now() > giveUpAt) throw new Error(`${what}: not within ${waitLimitMs} ms`);
    await sleep(lookEveryMs);
  }
}

export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
