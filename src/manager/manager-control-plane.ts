import type { Authority } from '../host/authority.ts';
import type { Clock } from '../host/clock.ts';
import type { Managers } from '../host/managers.ts';
import { TuttiError } from '../lib/error.ts';
import type { Cluster } from '../model/cluster.ts';
import type { Instant } from '../model/instant.ts';
import type { LogQuery } from '../model/log.ts';
import type { ExaminationStep } from '../model/network-examination.ts';
import type { Network, NetworkSpec } from '../model/network.ts';
import type { Node, NodeSpec } from '../model/node.ts';
import type { Observed } from '../model/observed.ts';
import type { RebalancePlan, RebalanceReport } from '../model/rebalance.ts';
import type { Config, DataSpec, Secret } from '../model/secret.ts';
import type { Service, ServiceDeclaration } from '../model/service.ts';
import type { PlannedTask, StackChange, StackDeclaration } from '../model/stack.ts';
import type { Task } from '../model/task.ts';
import type { Commit, Transaction, View } from '../store/view.ts';
import type { AgentSession } from './agent-session.ts';
import { forgetAttachments } from './attachments.ts';
import { checkNewCluster, createCluster, requireCluster, updateCluster } from './cluster.ts';
import type { ClusterDoor } from './cluster-door.ts';
import { makeNextRoot, makeRoot } from './cluster-root.ts';
import { theCluster } from './cluster-row.ts';
import type {
  ControlPlane,
  InitCluster,
  TaskLogFrame,
  TaskStatus,
  UpdateOptions,
} from './control-plane.ts';
import { createData, type DataKind, removeData, updateData } from './data.ts';
import type { NetworkExaminations } from './examinations.ts';
import type { LogBroker } from './logs.ts';
import { createNetwork, removeNetwork } from './networks.ts';
import { checkNodeRemoval, registerNode, updateNode } from './nodes.ts';
import type { Planner } from './planner.ts';
import { rehearseRebalance, reportRebalance, startRebalance, stopRebalance } from './rebalance.ts';
import { createService, removeService, updateOrRollBack } from './services.ts';
import type { Seats } from './seats.ts';
import type { Sessions } from './sessions.ts';
import { plannedTasks } from './stack-plan.ts';
import { applyStack, removeStack } from './stacks.ts';
import { taskStatus } from './task-status.ts';
import type { Write } from './writer.ts';

/** How long `initCluster` waits for the node's own agent. */
const agentPatienceMs = 10_000;

export interface ControlPlaneParts {
  readonly view: View;
  readonly observed: Observed;
  readonly clock: Clock;
  readonly authority: Authority;
  readonly managers: Managers;
  /** Absent where nobody becomes a manager beside this one. */
  readonly seats?: Seats | undefined;
  /** Absent where no other machine can join. */
  readonly door: ClusterDoor | undefined;
  readonly planner: Planner;
  readonly sessions: Sessions;
  readonly logs: LogBroker;
  readonly examinations: NetworkExaminations;
  readonly randomBytes: (count: number) => Uint8Array;
  onCommit(listener: (commit: Commit) => void): () => void;
  onObserved(listener: (taskId: string) => void): () => void;
  /** Has all nodes clean up, then empties the store. */
  leave(): Promise<void>;
}

/**
 * The control plane of a manager that holds the store. Each noun's rules are in the noun's own
 * file.
 */
export class ManagerControlPlane implements ControlPlane {
  readonly #parts: ControlPlaneParts;

  constructor(parts: ControlPlaneParts) {
    this.#parts = parts;
  }

  get view(): View {
    return this.#parts.view;
  }

  get observed(): Observed {
    return this.#parts.observed;
  }

  get nodeId(): string | undefined {
    return this.managers.nodeId;
  }

  get managers(): Managers {
    return this.#parts.managers;
  }

  now(): Instant {
    return this.#parts.clock.now();
  }

  cluster(): Cluster | undefined {
    return theCluster(this.view);
  }

  taskStatus(task: Task): TaskStatus {
    const { view, observed, planner } = this.#parts;
    return taskStatus(task, {
      view,
      observed,
      now: this.now(),
      placementRefusal: (taskId) => planner.placementRefusal(taskId),
    });
  }

  onCommit(listener: (commit: Commit) => void): () => void {
    return this.#parts.onCommit(listener);
  }

  onObserved(listener: (taskId: string) => void): () => void {
    return this.#parts.onObserved(listener);
  }

  async initCluster(request: InitCluster): Promise<{ readonly nodeId: string }> {
    const { sessions, door } = this.#parts;
    const { nodeId } = this;
    if (request.forceNewCluster && nodeId !== undefined) return { nodeId };
    checkNewCluster(this.view, request);
    const session = await sessions.first(agentPatienceMs);
    await door?.reserve(request.listenAddress);
    try {
      await this.#makeCluster(request, session);
    } catch (error) {
      // A second request may have made one meanwhile.
      if (this.cluster() === undefined) await door?.close();
      throw error;
    }
    await door?.open();
    return { nodeId: session.nodeId };
  }

  async #makeCluster(
    request: InitCluster,
    session: Pick<AgentSession, 'nodeId' | 'description'>,
  ): Promise<void> {
    const { planner, authority, randomBytes } = this.#parts;
    const { nodeId, description } = session;
    const { availability } = request;
    const root = await makeRoot(authority, this.now());
    await planner.write((tx, context) => {
      createCluster(tx, request, { root, context, randomBytes });
      registerNode(tx, { nodeId, description, availability, context });
    });
    await authority.keepUnder(this.cluster()?.unlockKey);
  }

  async leaveCluster(options: { readonly force: boolean }): Promise<void> {
    if (this.cluster() === undefined) {
      throw new TuttiError('unavailable', 'This node is not part of a swarm');
    }
    if (!options.force) {
      throw new TuttiError(
        'unavailable',
        'You are attempting to leave the swarm on a node that is participating as a manager. ' +
          'Removing the last manager erases all current state of the swarm. Use `--force` to ' +
          'ignore this message. ',
      );
    }
    await this.#parts.leave();
  }

  async updateCluster(
    ...[spec, options]: Parameters<ControlPlane['updateCluster']>
  ): Promise<void> {
    const { randomBytes, authority } = this.#parts;
    const isRotation = (spec.forceRotate ?? 0) !== (this.cluster()?.spec.forceRotate ?? 0);
    const nextRoot = isRotation
      ? await makeNextRoot(authority, { view: this.view, now: this.now() })
      : undefined;
    await this.#write((tx, context) => {
      updateCluster(tx, spec, { ...options, nextRoot, context, randomBytes });
    });
    await authority.keepUnder(this.cluster()?.unlockKey);
  }

  createService(declaration: ServiceDeclaration): Promise<Service> {
    return this.#write((tx, context) => createService(tx, { declaration, context }));
  }

  updateService(
    serviceId: string,
    declaration: ServiceDeclaration | undefined,
    update: UpdateOptions,
  ): Promise<Service> {
    return this.#write((tx, context) =>
      updateOrRollBack(tx, { serviceId, declaration, update, context }),
    );
  }

  async removeService(serviceId: string): Promise<void> {
    await this.#write((tx, context) => removeService(tx, { serviceId, context }));
  }

  createNetwork(spec: NetworkSpec): Promise<Network> {
    return this.#write((tx, context) => createNetwork(tx, { spec, context }));
  }

  removeNetwork(networkId: string): Promise<void> {
    return this.#write((tx, context) => removeNetwork(tx, { networkId, context }));
  }

  createSecret(spec: DataSpec, data: string): Promise<Secret> {
    return this.#createData('secret', spec, data);
  }

  updateSecret(secretId: string, spec: DataSpec, version: number): Promise<void> {
    return this.#updateData('secret', secretId, { spec, version });
  }

  removeSecret(secretId: string): Promise<void> {
    return this.#write((tx) => removeData(tx, 'secret', secretId));
  }

  createConfig(spec: DataSpec, data: string): Promise<Config> {
    return this.#createData('config', spec, data);
  }

  updateConfig(configId: string, spec: DataSpec, version: number): Promise<void> {
    return this.#updateData('config', configId, { spec, version });
  }

  removeConfig(configId: string): Promise<void> {
    return this.#write((tx) => removeData(tx, 'config', configId));
  }

  async updateNode(nodeId: string, spec: NodeSpec, version: number): Promise<Node> {
    await this.#checkRole(nodeId, spec.role);
    return await this.#write((tx, context) => updateNode(tx, { nodeId, spec, version, context }));
  }

  /** @throws TuttiError why the node cannot become, or cease to be, a manager now. */
  async #checkRole(nodeId: string, role: NodeSpec['role']): Promise<void> {
    const { seats } = this.#parts;
    const row = this.view.nodes.get(nodeId);
    if (row === undefined || row.spec.role === role) return;
    if (seats === undefined && role === 'manager') {
      const message = `node ${nodeId} cannot become a manager: this cluster has one manager`;
      throw new TuttiError('unimplemented', message, { field: 'spec.role' });
    }
    if (role === 'manager') await seats?.checkPromotion(nodeId);
    else await seats?.checkDemotion(nodeId);
  }

  async removeNode(nodeId: string, options: { readonly force: boolean }): Promise<void> {
    const { observed, seats } = this.#parts;
    if (options.force) await seats?.checkDemotion(nodeId);
    return await this.#write((tx, context) => {
      const node = checkNodeRemoval(tx, { nodeId, force: options.force, observed });
      tx.nodes.delete(node.id);
      forgetAttachments(tx, 'node', node.id);
      context.touched.node(node.id);
    });
  }

  planRebalance(serviceIds: readonly string[]): RebalancePlan {
    requireCluster(this.view as Transaction);
    return rehearseRebalance(serviceIds, { ...this.#parts, now: this.now() });
  }

  async startRebalance(serviceIds: readonly string[]): Promise<RebalancePlan> {
    const plan = this.planRebalance(serviceIds);
    if (plan.moves.length === 0) return plan;
    const { observed } = this.#parts;
    await this.#write((tx, { now }) => startRebalance(tx, serviceIds, { now, observed }));
    return plan;
  }

  stopRebalance(): Promise<readonly string[]> {
    return this.#write((tx, { now }) => stopRebalance(tx, now));
  }

  rebalance(): RebalanceReport {
    return reportRebalance({ ...this.#parts, now: this.now() });
  }

  logs(
    taskIds: readonly string[],
    options: { readonly query: LogQuery; readonly signal: AbortSignal },
  ): AsyncIterable<TaskLogFrame> {
    return this.#parts.logs.read(taskIds, options);
  }

  examineNetwork(signal: AbortSignal): AsyncIterable<ExaminationStep> {
    return this.#parts.examinations.examine(signal);
  }

  deployStack(
    declaration: StackDeclaration,
    options: { readonly prune: boolean },
  ): Promise<readonly StackChange[]> {
    return this.#write((tx, context) => applyStack(tx, declaration, { ...options, context }));
  }

  async planStack(
    declaration: StackDeclaration,
    options: { readonly prune: boolean },
  ): Promise<{ readonly changes: readonly StackChange[]; readonly tasks: readonly PlannedTask[] }> {
    requireCluster(this.view as Transaction);
    let changes: readonly StackChange[] = [];
    const tasks = this.#parts.planner.rehearse(
      (tx, context) => {
        changes = applyStack(tx, declaration, { ...options, context });
      },
      (tx, refusals) => plannedTasks(tx, { before: this.view, refusals, now: this.now() }),
    );
    return { changes, tasks };
  }

  removeStack(name: string): Promise<readonly StackChange[]> {
    return this.#write((tx, context) => removeStack(tx, name, context));
  }

  /** Nothing is declared where there is no cluster. */
  #write<T>(run: Write<T>): Promise<T> {
    return this.#parts.planner.write((tx, context) => {
      requireCluster(tx);
      return run(tx, context);
    });
  }

  #createData(kind: DataKind, spec: DataSpec, data: string): Promise<Secret | Config> {
    return this.#write((tx, context) => createData(tx, { kind, spec, data, context }));
  }

  #updateData(
    kind: DataKind,
    id: string,
    change: { readonly spec: DataSpec; readonly version: number },
  ): Promise<void> {
    return this.#write((tx, context) => updateData(tx, { kind, id, ...change, context }));
  }
}
