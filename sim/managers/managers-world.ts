import type { ContainerRuntime } from '../../src/host/container-runtime.ts';
import { newId } from '../../src/lib/id.ts';
import { Prng } from '../../src/lib/prng.ts';
import { createCluster } from '../../src/manager/cluster.ts';
import { makeRoot } from '../../src/manager/cluster-root.ts';
import type { ControlPlane } from '../../src/manager/control-plane.ts';
import { registerNode } from '../../src/manager/nodes.ts';
import type { WriteContext } from '../../src/manager/writer.ts';
import type { Instant } from '../../src/model/instant.ts';
import { EtcdClient } from '../../src/os/etcd-client.ts';
import { EtcdEngine } from '../../src/os/etcd-engine.ts';
import { migrations, schemaVersionOf } from '../../src/store/migrations.ts';
import { Store } from '../../src/store/store.ts';
import { SimulatedAuthority } from '../authority.ts';
import { VirtualClock } from '../clock.ts';
import { ClusterCheckers } from '../cluster/checkers.ts';
import type { Watched, WatchedMachine } from '../cluster/machine.ts';
import { DriftingClock, SetClock } from '../cluster/odd-clock.ts';
import { SimulatedEtcd, type EtcdSeams } from '../etcd/simulated-etcd.ts';
import { SimulatedEtcdLink } from '../etcd/simulated-link.ts';
import { Fabric } from '../fabric.ts';
import { SimulatedFenceGuard } from '../fence-guard.ts';
import { initRequest } from '../manager-world.ts';
import { SimulatedNode } from '../node.ts';
import { SimulatedRuntime } from '../runtime.ts';
import { smallMachine } from '../scripted-agent.ts';
import type { Tell } from '../world.ts';
import { AgentWay } from './agent-way.ts';
import { AskingClient } from './client.ts';
import { SimulatedManager, type ManagerSeams } from './manager.ts';
import { ManagersCheckers } from './managers-checkers.ts';

const startAt = Date.UTC(2026, 0, 1);
const dicePerWorld = 64;
const diceOfGuards = 50;
const mostDrift = 0.01;
const lookEveryMs = 250;
/** How long a machine may take to be heard again once its ways are open, or a manager is there. */
const returnMs = 20_000;

/** Where a fault can be planted. */
export interface ManagersSeams extends ManagerSeams {
  readonly etcd?: EtcdSeams;
  readonly runtime?: (runtime: ContainerRuntime) => ContainerRuntime;
}

/** A machine of a cluster with several managers; the first ones have a manager and an etcd. */
export interface ManagedMachine extends WatchedMachine {
  readonly index: number;
  readonly nodeId: string;
  readonly engine: SimulatedRuntime;
  readonly node: SimulatedNode;
  readonly way: AgentWay;
  /** Its time of day. */
  readonly clock: SetClock;
  readonly steady: DriftingClock;
}

/** Several managers, an etcd member beside each, and machines with agents, on one network. */
export class ManagersWorld implements Watched {
  readonly clock = new VirtualClock(startAt);
  readonly machines: readonly ManagedMachine[];
  readonly managers: readonly SimulatedManager[];
  readonly etcd: SimulatedEtcd;
  readonly fabric: Fabric;
  readonly checkers: ClusterCheckers;
  readonly writes: ManagersCheckers;
  readonly client: AskingClient;
  readonly #seed: number;
  readonly #seams: ManagersSeams;
  readonly #tell: Tell;
  readonly #troubledAt = new Map<WatchedMachine, Instant>();
  readonly #rootId: string;
  readonly #managerCount: number;
  #isOver = false;

  constructor(
    seed: number,
    options: {
      readonly managers: number;
      readonly workers: number;
      readonly seams?: ManagersSeams;
      readonly tell?: Tell;
    },
  ) {
    this.#seed = seed;
    this.#seams = options.seams ?? {};
    this.#tell = options.tell ?? (() => undefined);
    this.#managerCount = options.managers;
    this.#rootId = 'root';
    const { clock } = this;
    const size = options.managers + options.workers;
    this.fabric = new Fabric({ clock, dice: this.dice(1), size });
    this.etcd = new SimulatedEtcd({
      clock,
      dice: this.dice(3),
      ways: this.fabric,
      size: options.managers,
      onCommit: (commit) => this.writes.stored(commit, this.etcd.keys),
      ...(this.#seams.etcd !== undefined && { seams: this.#seams.etcd }),
    });
    this.checkers = new ClusterCheckers(this);
    this.machines = Array.from({ length: size }, (_, index) => this.#machine(index));
    this.writes = new ManagersCheckers(this.checkers, () => this.managers);
    this.managers = this.machines
      .slice(0, options.managers)
      .map((machine) => this.#manager(machine));
    const { checkers, managers } = this;
    this.client = new AskingClient({ clock, dice: this.dice(2), checkers, managers });
  }

  dice(part: number): Prng {
    return new Prng(this.#seed * dicePerWorld + part);
  }

  /** Of the manager that leads, and may act. */
  get control(): ControlPlane | undefined {
    return this.leader?.term?.controlPlane;
  }

  get leader(): SimulatedManager | undefined {
    return this.managers.find((one) => !one.isFrozen && one.term !== undefined);
  }

  /** The cluster as it is after all have joined. */
  async begin(): Promise<void> {
    const member = this.etcd.members[this.etcd.leader];
    if (member === undefined) throw new Error('etcd has no leader');
    const process = {
      clock: this.clock,
      running: async () => await Promise.resolve(),
      watchLagMs: () => 0,
    };
    const link = new SimulatedEtcdLink({ etcd: this.etcd, member, process });
    const client = new EtcdClient({
      endpoints: [{ kind: 'socket', path: 'etcd' }],
      connect: () => link,
      clock: this.clock,
    });
    const engine = new EtcdEngine({ client });
    const schemaVersion = schemaVersionOf(migrations);
    await engine.restore({ schemaVersion, epoch: 0, revision: 0, rows: [] });
    const store = await Store.open(engine);
    await this.#putCluster(store);
    await store.close();
    for (const manager of this.managers) manager.start();
    for (const { node } of this.machines) node.startAgent();
    void this.#watch();
  }

  killManager(manager: SimulatedManager): void {
    manager.kill();
    for (const { way } of this.machines) way.lost(manager);
  }

  /** Without power: manager, etcd, agent and containers. */
  powerOff(machine: ManagedMachine): void {
    const manager = this.managers[machine.index];
    if (manager !== undefined) {
      this.killManager(manager);
      this.etcd.kill(machine.index);
    }
    machine.node.killAgent();
    machine.node.endGuard();
    machine.engine.stop({ liveRestore: false });
    machine.node.files.clear();
  }

  powerOn(machine: ManagedMachine): void {
    const manager = this.managers[machine.index];
    if (manager !== undefined) {
      this.etcd.start(machine.index);
      manager.start();
    }
    machine.engine.start();
    if (!machine.node.isUp) machine.node.startAgent();
  }

  end(): void {
    this.#isOver = true;
    this.client.stop();
    this.etcd.end();
    for (const manager of this.managers) manager.kill();
    for (const { node } of this.machines) {
      node.killAgent();
      node.endGuard();
    }
  }

  nodeId(machine: WatchedMachine): string | undefined {
    return this.machines.find((one) => one === machine)?.nodeId;
  }

  /** Whether a fault of its own, or of its ways, may have kept the leader from hearing it. */
  mayBeDown(machine: WatchedMachine): boolean {
    const at = this.#troubledAt.get(machine) ?? Number.NEGATIVE_INFINITY;
    return this.clock.now() < at + returnMs;
  }

  async #watch(): Promise<void> {
    while (!this.#isOver) {
      await this.clock.sleep(lookEveryMs);
      for (const manager of this.managers) manager.look(this.managers);
      this.writes.look();
      for (const machine of this.machines) {
        if (!machine.node.isUp || machine.link.isCut) {
          this.#troubledAt.set(machine, this.clock.now());
        }
      }
    }
  }

  async #putCluster(store: Store): Promise<void> {
    const dice = this.dice(4);
    const bytes = (count: number): Uint8Array => dice.bytes(count);
    const now = this.clock.now();
    const root = { ...(await makeRoot(new SimulatedAuthority(bytes), now)), id: this.#rootId };
    const context: WriteContext = {
      now,
      touched: {
        service: () => undefined,
        network: () => undefined,
        node: () => undefined,
        units: () => undefined,
      },
      addressReuse: { next: () => undefined } as unknown as WriteContext['addressReuse'],
      newId: () => newId(bytes),
    };
    await store.update((tx) => {
      createCluster(tx, initRequest, { root, context, randomBytes: bytes });
      for (const { nodeId, hostname, index } of this.machines) {
        const description = { ...smallMachine, hostname, address: addressOf(index) };
        registerNode(tx, { nodeId, description, context });
        const row = tx.nodes.get(nodeId);
        if (row === undefined) continue;
        const isManager = index < this.#managerCount;
        const seat = { address: portOf(index), peerUrl: `https://${addressOf(index)}:2380` };
        tx.nodes.put({
          ...row,
          keyDigest: nodeId,
          spec: { ...row.spec, role: isManager ? 'manager' : 'worker' },
          ...(isManager && { seat }),
        });
      }
    });
  }

  #machine(index: number): ManagedMachine {
    const hostname = `host-${index + 1}`;
    const nodeId = `node${index + 1}`;
    const { clock, checkers, fabric } = this;
    const dice = (part: number): Prng => this.dice(5 * (index + 1) + part);
    const rate = 1 + (dice(3).fraction() * 2 - 1) * mostDrift;
    const engine = new SimulatedRuntime({
      clock,
      dice: dice(1),
      watcher: checkers,
      idPrefix: `${hostname}-`,
    });
    const steady = new DriftingClock(clock, rate);
    const wall = new SetClock(steady);
    const way = new AgentWay({
      index,
      nodeId,
      address: addressOf(index),
      rootId: this.#rootId,
      clock,
      dice: dice(4),
      fabric,
      managers: () => this.managers,
    });
    const { runtime } = this.#seams;
    const fenceGuard = new SimulatedFenceGuard({
      clock: steady,
      dice: this.dice(diceOfGuards + index),
      runtime: engine,
      logger: this.#logger(`${hostname}, guard`),
    });
    const node = new SimulatedNode({
      clock: wall,
      leaseClock: steady,
      fenceGuard,
      dice: dice(2),
      logger: this.#logger(hostname),
      engine,
      transport: way.transport,
      hostname,
      life: way.life,
      nodeId,
      ...(runtime !== undefined && { wrapRuntime: runtime }),
      onBroken: (error) => checkers.report('process broke', `${hostname}: ${error.stack}`),
    });
    const link = {
      get isCut() {
        return fabric.isCut(index);
      },
    };
    return { index, hostname, nodeId, link, engine, node, way, clock: wall, steady };
  }

  #manager({ index, nodeId, clock, steady }: ManagedMachine): SimulatedManager {
    return new SimulatedManager({
      index,
      nodeId,
      address: portOf(index),
      clock: this.clock,
      wallClock: clock,
      steadyNow: () => steady.now(),
      dice: this.dice(40 + index),
      etcd: this.etcd,
      fabric: this.fabric,
      logger: this.#logger(`manager ${nodeId}`),
      seams: this.#seams,
      watcher: this.writes,
      other: (id) => this.managers.find((one) => one.nodeId === id),
    });
  }

  #logger(who: string) {
    const write =
      (level: string) =>
      (message: string, fields: Readonly<Record<string, unknown>> = {}): void => {
        this.#tell(`> ${who} ${level}: ${message} ${JSON.stringify(fields)}`);
        if (level !== 'error' || expectedErrors.has(message)) return;
        this.checkers.report('process broke', `${who}: ${message} ${JSON.stringify(fields)}`);
      };
    return {
      debug: write('debug'),
      info: write('info'),
      warn: write('warn'),
      error: write('error'),
    };
  }
}

/** What may be logged as an error while etcd has no majority, or another manager leads. */
const expectedErrors: ReadonlySet<string> = new Set([
  'the store could not commit',
  'the store could not be loaded to follow',
  'the store could not be loaded again',
]);

function addressOf(index: number): string {
  return `192.0.2.${index + 1}`;
}

function portOf(index: number): string {
  return `${addressOf(index)}:2377`;
}
