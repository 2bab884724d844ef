import { SimulatedAuthority } from '../sim/authority.ts';
import { declare, initRequest } from '../sim/manager-world.ts';
import { smallMachine } from '../sim/scripted-agent.ts';
import type { Logger } from '../src/host/logger.ts';
import type { Random } from '../src/host/random.ts';
import { newId } from '../src/lib/id.ts';
import { createCluster } from '../src/manager/cluster.ts';
import { makeRoot } from '../src/manager/cluster-root.ts';
import { overlayNetwork } from '../sim/overlay-network.ts';
import { createNetwork } from '../src/manager/networks.ts';
import { registerNode } from '../src/manager/nodes.ts';
import { ObservedState } from '../src/manager/observed-state.ts';
import { Planner } from '../src/manager/planner.ts';
import { CoreRounds } from '../src/manager/round.ts';
import { createService } from '../src/manager/services.ts';
import type { ServiceDeclaration } from '../src/model/service.ts';
import type { SystemClock } from '../src/os/system-clock.ts';
import type { Store } from '../src/store/store.ts';

const gibibyte = 1024 ** 3;

export interface CoreSize {
  readonly nodes: number;
  readonly services: number;
  readonly networks: number;
  readonly tasks: number;
}

/**
 * A manager's core without sessions: store, planner, orchestrator, scheduler and allocator as a
 * manager puts them together; nodes are rows that are observed to be ready.
 */
export class CoreCluster {
  readonly store: Store;
  readonly planner: Planner;
  readonly #observed = new ObservedState();
  readonly #clock: SystemClock;
  readonly #random: Random;
  readonly #networkIds: string[] = [];

  constructor(options: {
    readonly store: Store;
    readonly clock: SystemClock;
    readonly random: Random;
    readonly logger: Logger;
  }) {
    const { store, clock, random, logger } = options;
    this.store = store;
    this.#clock = clock;
    this.#random = random;
    this.planner = new Planner({
      store,
      observed: this.#observed,
      clock,
      logger,
      newId: () => newId((count) => random.bytes(count)),
      rounds: new CoreRounds(store.view),
      onStoreFailure: () => {
        throw new Error('the store failed during the bench', { cause: store.fencedBy });
      },
    });
    store.onCommit((commit) => this.planner.committed(commit));
  }

  /** The cluster, its nodes and its networks: what is there before the clock starts. */
  async prepare(size: CoreSize): Promise<void> {
    const randomBytes = (count: number): Uint8Array => this.#random.bytes(count);
    const root = await makeRoot(new SimulatedAuthority(randomBytes), this.#clock.now());
    await this.planner.write((tx, context) => {
      createCluster(tx, initRequest, { root, context, randomBytes });
      for (let node = 0; node < size.nodes; node += 1) {
        const nodeId = context.newId();
        const description = {
          ...smallMachine,
          hostname: `node-${node}`,
          nanoCpus: 128e9,
          memoryBytes: 512 * gibibyte,
        };
        registerNode(tx, { nodeId, description, context });
        const since = this.#clock.now();
        this.#observed.setNode({ nodeId, state: 'ready', since, message: '' });
      }
    });
    await this.planner.write((tx, context) => {
      for (let network = 0; network < size.networks; network += 1) {
        const subnets = [{ subnet: `10.${100 + network}.0.0/16` }];
        const spec = overlayNetwork(`network-${network}`, { subnets });
        this.#networkIds.push(createNetwork(tx, { spec, context }).id);
      }
    });
    await this.planner.idle();
  }

  /** Declares all services, each in a write of its own, as that many clients would. */
  async declareServices(size: CoreSize): Promise<void> {
    const replicas = size.tasks / size.services;
    const writes = Array.from({ length: size.services }, async (_, service) => {
      const declaration = this.#declaration(service, replicas);
      await this.planner.write((tx, context) => createService(tx, { declaration, context }));
    });
    await Promise.all(writes);
  }

  /** A task fails; resolves when its slot has a new task that is placed and durable. */
  async failAndReplace(taskId: string): Promise<void> {
    const now = this.#clock.now();
    this.#observed.report(
      {
        taskId,
        state: 'failed',
        since: now,
        exitCode: 1,
        reason: { code: 'exited-with-error', message: 'exit code 1', since: now },
        containers: [],
        hostPorts: [],
      },
      { sentAt: now, receivedAt: now },
    );
    this.planner.observed([taskId]);
    await this.planner.idle();
  }

  #declaration(service: number, replicas: number): ServiceDeclaration {
    const networkId = this.#networkIds[service % this.#networkIds.length] ?? '';
    return declare(`service-${service}`, replicas, {
      template: { networks: [{ networkId, aliases: [], driverOptions: {} }] },
      container: { reservations: { nanoCpus: 10_000_000, memoryBytes: 16 * 1024 ** 2 } },
    });
  }
}
