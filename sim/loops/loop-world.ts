import { AddressReuse } from '../../src/allocator/addresses.ts';
import { allocateService } from '../../src/allocator/service.ts';
import { allocateNetwork } from '../../src/allocator/subnet.ts';
import { allocateTask } from '../../src/allocator/task.ts';
import type { ClusterSpec } from '../../src/model/cluster.ts';
import { clusterDefaults } from '../../src/model/cluster.ts';
import type { NetworkSpec } from '../../src/model/network.ts';
import type { Node, NodeState, ObservedNode } from '../../src/model/node.ts';
import type { Reason } from '../../src/model/reason.ts';
import type { Service } from '../../src/model/service.ts';
import type { ObservedTask, Task } from '../../src/model/task.ts';
import type { EndState, TaskState } from '../../src/model/task-state.ts';
import { compareTaskStates } from '../../src/model/task-state.ts';
import type { TaskTemplateSpec } from '../../src/model/template.ts';
import { passRebalance } from '../../src/manager/rebalance-pass.ts';
import type { Wake } from '../../src/orchestrator/reconcile.ts';
import { reconcile } from '../../src/orchestrator/reconcile.ts';
import { recordEnd } from '../../src/orchestrator/record-end.ts';
import { applySteps } from '../../src/orchestrator/step.ts';
import type { Unit } from '../../src/orchestrator/unit.ts';
import {
  allUnits,
  slotUnit,
  unitKey,
  unitsOfChange,
  unitsOfObserved,
} from '../../src/orchestrator/unit.ts';
import { rolledBack } from '../../src/orchestrator/update-failure.ts';
import { NodeLoads } from '../../src/scheduler/node-loads.ts';
import { placeTasks } from '../../src/scheduler/place-tasks.ts';
import { sameJson } from '../../src/lib/json.ts';
import type { Change, Transaction, View } from '../../src/store/view.ts';
import { MemoryTables } from './memory-tables.ts';
import type { Declaration, ImageFate, NodeOptions } from './rows.ts';
import { clusterRow, networkRow, nodeRow, serviceRow, serviceSpec, templateSpec } from './rows.ts';

/**
 * Orchestrator, allocator and scheduler on a store in memory, driven as the manager drives them,
 * with agents that do at once what they are told. Time moves only by `advance`.
 */
export class LoopWorld {
  readonly tables = new MemoryTables();
  readonly fates = new Map<string, ImageFate>();
  readonly loads: NodeLoads;
  now = 1_000_000;
  /** Sees every commit before the loops do. */
  onCommit: ((changes: readonly Change[]) => void) | undefined;
  /** Changes more in each transaction of the loops: a planted bug. */
  planted: ((tx: Transaction) => void) | undefined;
  /** Plans of units since the start. */
  planned = 0;
  readonly #observedTasks = new Map<string, ObservedTask>();
  readonly #runningSince = new Map<string, number>();
  readonly #nodeStates = new Map<string, Omit<ObservedNode, 'nodeId' | 'message'>>();
  readonly #refusals = new Map<string, Reason>();
  readonly #refusedSince = new Map<string, number>();
  readonly #dirty = new Map<string, Unit>();
  readonly #wakes = new Map<string, Wake>();
  readonly #toPlace = new Set<string>();
  readonly #reuse = new AddressReuse();
  readonly #ended = new Set<string>();
  readonly #stepLimit: number;
  #nextId = 1;

  constructor(spec: Partial<ClusterSpec> = {}, stepLimit = 10_000) {
    this.#stepLimit = stepLimit;
    this.loads = new NodeLoads(this.view);
    this.commit((tx) => tx.clusters.put(clusterRow({ spec: { ...clusterDefaults, ...spec } })));
  }

  get view(): View {
    return this.tables.view;
  }

  // --- what people do

  addNode(id: string, options: NodeOptions = {}): void {
    this.commit((tx) => tx.nodes.put(nodeRow(id, options)));
    this.setNodeState(id, 'ready');
  }

  setNodeState(id: string, state: NodeState, more: { readonly fenced?: boolean } = {}): void {
    this.#nodeStates.set(id, { state, since: this.now, ...more });
    this.#mark([{ kind: 'node', nodeId: id }]);
    this.#placeWaiting();
  }

  changeNode(id: string, change: Partial<Node['spec']>, row: Pick<Node, 'leftAt'> = {}): void {
    this.commit((tx) => {
      const node = tx.nodes.get(id);
      if (node === undefined) return;
      const changed = { version: tx.revision, updatedAt: this.now, ...row };
      tx.nodes.put({ ...node, ...changed, spec: { ...node.spec, ...change } });
    });
  }

  removeNode(id: string): void {
    this.#nodeStates.delete(id);
    this.commit((tx) => tx.nodes.delete(id));
  }

  addNetwork(id: string, spec: Partial<NetworkSpec> = {}): void {
    this.commit((tx) => tx.networks.put(allocateNetwork(tx, networkRow(id, { spec }))));
  }

  removeNetwork(id: string): void {
    this.commit((tx) => {
      const network = tx.networks.get(id);
      if (network !== undefined) tx.networks.put({ ...network, removing: true });
    });
  }

  /** Creates or updates the service, whose id is its name. */
  declare(name: string, of: Declaration = {}): void {
    this.commit((tx) => {
      const templateId = this.#templateFor(tx, name, templateSpec(of.template, of.container));
      const before = tx.services.get(name);
      const spec = serviceSpec(name, of.spec);
      const isJob = spec.mode.kind === 'replicated-job' || spec.mode.kind === 'global-job';
      const job = { iteration: 0, completions: 0, lastExecutedAt: this.now };
      let row: Service = { ...serviceRow(name, { templateId }), spec, ...(isJob ? { job } : {}) };
      if (before !== undefined) {
        const { update: _, ...rest } = before;
        const previous = { spec: before.spec, templateId: before.templateId };
        row = { ...rest, spec, templateId, previous };
        if (before.job !== undefined) {
          row = { ...row, job: { ...job, iteration: before.job.iteration + 1 } };
        }
      }
      row = { ...row, version: tx.revision, updatedAt: this.now };
      tx.services.put(row);
      const { service, problem } = allocateService(tx, row, { addressReuse: this.#reuse });
      if (problem !== undefined) throw problem;
      tx.services.put(service);
    });
  }

  rollBack(name: string): void {
    this.commit((tx) => {
      const service = tx.services.get(name);
      if (service === undefined) return;
      const how = { at: this.now, revision: tx.revision, swap: true };
      tx.services.put(rolledBack(service, { ...how, message: 'manually requested rollback' }));
    });
  }

  remove(name: string): void {
    this.commit((tx) => {
      const service = tx.services.get(name);
      if (service !== undefined) tx.services.put({ ...service, removing: true });
    });
  }

  // --- what agents say

  /** Reports a state of a task, and plans. */
  report(taskId: string, state: TaskState, more: Partial<ObservedTask> = {}): void {
    this.#observe(taskId, state, more);
    this.plan();
  }

  #observe(taskId: string, state: TaskState, more: Partial<ObservedTask> = {}): void {
    const since = this.now;
    this.#observedTasks.set(taskId, {
      taskId,
      state,
      since,
      containers: [],
      hostPorts: [],
      ...more,
    });
    if (state === 'running') this.#runningSince.set(taskId, since);
    if (compareTaskStates(state, 'running') > 0) this.#ended.add(taskId);
    this.#mark(unitsOfObserved(this.view, taskId));
  }

  /** A container ends by itself. */
  end(taskId: string, state: EndState = 'failed', exitCode = 1): void {
    const code = state === 'complete' ? 'exited' : 'exited-with-error';
    const message = `task: non-zero exit (${exitCode})`;
    this.report(taskId, state, { exitCode, reason: { code, message, since: this.now } });
  }

  // --- the loops

  /** Plans until nothing is left to do at this moment. */
  plan(): void {
    for (let rounds = 0; this.#dirty.size > 0 || this.#toPlace.size > 0 || this.#ended.size > 0; ) {
      rounds += 1;
      if (rounds > 1_000)
        throw new Error(`the loops do not come to rest: ${[...this.#dirty.keys()].join(', ')}`);
      this.#round();
    }
  }

  /** A manager that starts anew on the same store: what was in memory is gone. */
  restartManager(): void {
    this.#dirty.clear();
    this.#wakes.clear();
    this.#refusals.clear();
    this.#refusedSince.clear();
    this.loads.reload();
    this.#mark(allUnits(this.view));
    this.#placeWaiting();
    this.plan();
  }

  /** What agents said is lost with the manager; they say again what is, not what was. */
  forgetObserved(): void {
    this.#observedTasks.clear();
    this.#runningSince.clear();
    this.restartManager();
  }

  /** Lets agents and loops act in turn until all is quiet; no time passes. */
  run(): void {
    for (let turns = 0; ; turns += 1) {
      if (turns > 1_000) throw new Error('the cluster does not come to rest');
      this.plan();
      if (!this.#agentsAct()) return;
    }
  }

  /** Lets time pass, event by event, up to that long from now. */
  advance(ms: number): void {
    const until = this.now + ms;
    this.run();
    for (let next = this.#nextEvent(); next <= until; next = this.#nextEvent()) {
      this.now = Math.max(this.now, next);
      for (const [key, wake] of this.#wakes) {
        if (wake.at > this.now) continue;
        this.#wakes.delete(key);
        this.#mark([wake.unit]);
      }
      this.#exits();
      this.run();
    }
    this.now = until;
  }

  #round(): void {
    const units = [...this.#dirty.values()];
    const ends = [...this.#ended];
    for (const taskId of ends) this.#reuse.endSeen(taskId);
    const place = new Set(this.#toPlace);
    this.#dirty.clear();
    this.#ended.clear();
    this.#toPlace.clear();
    this.planned += units.length;
    this.commit((tx) => {
      for (const taskId of ends) {
        const observed = this.#observedTasks.get(taskId);
        const runningSince = this.#runningSince.get(taskId);
        if (observed === undefined) continue;
        const since = runningSince === undefined ? {} : { runningSince };
        const plan = recordEnd(tx, observed, { now: this.now, ...since });
        applySteps(tx, plan.steps);
        units.push(...plan.follow);
      }
      const { left, wakes, unplaced } = reconcile(tx, units, {
        context: this.context,
        stepLimit: this.#stepLimit,
      });
      this.#mark(left);
      for (const [key, wake] of wakes) {
        if (wake === undefined) this.#wakes.delete(key);
        else this.#wakes.set(key, wake);
      }
      for (const serviceId of new Set([...place, ...unplaced])) this.#place(tx, serviceId);
      const { loads } = this;
      const parts = { ...this.context, loads, trial: loads.trial(), addressReuse: this.#reuse };
      this.#mark(passRebalance(tx, wakes.keys(), parts));
      this.planted?.(tx);
    });
  }

  private get context(): Parameters<typeof reconcile>[2]['context'] {
    return {
      now: this.now,
      observed: this.observed,
      newId: () => this.newId(),
      refusedSince: (taskId) => this.#refusedSince.get(taskId),
      refusalCode: (taskId) => this.#refusals.get(taskId)?.code,
    };
  }

  get observed(): Parameters<typeof reconcile>[2]['context']['observed'] {
    return {
      task: (taskId) => this.#observedTasks.get(taskId),
      node: (nodeId) => {
        const known = this.#nodeStates.get(nodeId);
        return known === undefined ? undefined : { nodeId, message: '', ...known };
      },
      portProblems: () => [],
    };
  }

  #place(tx: Transaction, serviceId: string): void {
    const service = tx.services.get(serviceId);
    if (service === undefined) return;
    const trial = this.loads.trial();
    const tasks = [...tx.tasks.by('unplaced', serviceId)];
    for (const [templateId, group] of Map.groupBy(tasks, (task) => task.templateId)) {
      const template = tx.templates.get(templateId);
      if (template === undefined) continue;
      const { now, observed } = this;
      const request = { view: tx, service, template, tasks: group, observed, now, trial };
      for (const placement of placeTasks(this.loads, request)) {
        const { task } = placement;
        if (placement.kind === 'refused') {
          this.#refuse(task, placement.reason);
          continue;
        }
        const where = { nodeId: placement.nodeId, addressReuse: this.#reuse, now };
        const got = allocateTask(tx, { service, template, ...where });
        if (got.kind === 'refused') {
          trial.remove(task.id);
          this.#refuse(task, got.reason);
          continue;
        }
        tx.tasks.put({ ...task, nodeId: where.nodeId, addresses: got.addresses });
      }
    }
  }

  #refuse(task: Task, reason: Reason): void {
    const before = this.#refusals.get(task.id);
    if (before === undefined) this.#refusedSince.set(task.id, this.now);
    if (before?.code !== reason.code) this.#mark([slotUnit(task)]);
    this.#refusals.set(task.id, reason);
  }

  commit(run: (tx: Transaction) => void): void {
    const changes = this.tables.update(run);
    this.onCommit?.(changes);
    let isRoomier = false;
    for (const change of changes) {
      this.loads.apply(change);
      this.#mark(unitsOfChange(this.view, change));
      isRoomier ||= change.table !== 'tasks' || change.before?.end !== change.after?.end;
    }
    if (isRoomier) this.#placeWaiting();
  }

  #mark(units: Iterable<Unit>): void {
    for (const unit of units) this.#dirty.set(unitKey(unit), unit);
  }

  #placeWaiting(): void {
    for (const serviceId of this.view.tasks.keys('unplaced')) this.#toPlace.add(serviceId);
  }

  // --- the agents

  /** Every agent takes each of its tasks one step further; whether any did. */
  #agentsAct(): boolean {
    const tasks = this.actionable();
    for (const task of tasks) this.#act(task);
    return tasks.length > 0;
  }

  /** Tasks of which an agent would report something new. */
  actionable(): readonly Task[] {
    return [...this.view.tasks.all()].filter(
      (task) =>
        task.nodeId !== undefined &&
        task.end === undefined &&
        this.#nodeStates.get(task.nodeId)?.state === 'ready' &&
        this.#nextState(task) !== undefined,
    );
  }

  /** One agent takes one task one step further, and the loops plan. */
  act(task: Task): void {
    this.#act(task);
    this.plan();
  }

  #act(task: Task): void {
    const next = this.#nextState(task);
    if (next !== undefined) this.#observe(task.id, next.state, next.more);
  }

  #nextState(
    task: Task,
  ): { readonly state: TaskState; readonly more?: Partial<ObservedTask> } | undefined {
    const state = this.#observedTasks.get(task.id)?.state ?? 'assigned';
    if (compareTaskStates(state, 'running') > 0) return undefined;
    if (task.desired === 'shutdown' || task.desired === 'removed') return { state: 'shutdown' };
    const fate = this.fateOf(task);
    if (compareTaskStates(state, 'ready') < 0) {
      if (fate.kind === 'hangs') return undefined;
      if (fate.kind === 'good' || fate.kind === 'exits') return { state: 'ready' };
      const reason = { code: 'image-missing', message: 'No such image', since: this.now } as const;
      return { state: 'rejected', more: { reason } };
    }
    return state === 'ready' && task.desired !== 'ready' ? { state: 'running' } : undefined;
  }

  fateOf(task: Task): ImageFate {
    const image = this.imageOf(task);
    return this.fates.get(image) ?? { kind: 'good' };
  }

  imageOf(task: Task): string {
    return this.view.templates.get(task.templateId)?.spec.containers[0]?.image ?? '';
  }

  #exitOf(task: Task): number | undefined {
    const observed = this.#observedTasks.get(task.id);
    const fate = this.fateOf(task);
    if (observed?.state !== 'running' || fate.kind !== 'exits') return undefined;
    return observed.since + fate.afterMs;
  }

  #exits(): void {
    const due = [...this.view.tasks.all()].filter(
      (task) => (this.#exitOf(task) ?? Number.POSITIVE_INFINITY) <= this.now,
    );
    for (const task of due) {
      const fate = this.fateOf(task);
      if (fate.kind !== 'exits') continue;
      this.end(task.id, fate.exitCode === 0 ? 'complete' : 'failed', fate.exitCode);
    }
  }

  #nextEvent(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const wake of this.#wakes.values()) next = Math.min(next, wake.at);
    for (const task of this.view.tasks.all()) next = Math.min(next, this.#exitOf(task) ?? next);
    return next;
  }

  // --- what scripts look at

  service(name: string): Service {
    const service = this.view.services.get(name);
    if (service === undefined) throw new Error(`there is no service ${name}`);
    return service;
  }

  /** Tasks of a service by slot and generation. */
  tasks(name: string): readonly Task[] {
    return [...this.view.tasks.by('service', name)].toSorted(
      (left, right) =>
        (left.targetNodeId ?? '').localeCompare(right.targetNodeId ?? '') ||
        left.slot - right.slot ||
        left.generation - right.generation,
    );
  }

  stateOf(task: Task): TaskState {
    return (
      task.end?.state ??
      this.#observedTasks.get(task.id)?.state ??
      (task.nodeId === undefined ? 'pending' : 'assigned')
    );
  }

  /** One line for each task: `1.2 running@n1 v2`; a second word of desire where it says more. */
  show(name: string): readonly string[] {
    return this.tasks(name).map((task) => {
      const place = task.targetNodeId ?? task.slot;
      const state = this.stateOf(task);
      const node = task.nodeId === undefined ? '' : `@${task.nodeId}`;
      return `${place}.${task.generation} ${task.desired}/${state}${node} ${this.imageOf(task)}`;
    });
  }

  /** The same for what is wanted or still there. */
  showLive(name: string): readonly string[] {
    const ended = new Set(this.tasks(name).filter((task) => task.end !== undefined));
    return this.show(name).filter((_, index) => !ended.has(this.tasks(name)[index] as Task));
  }

  running(name: string): readonly Task[] {
    return this.tasks(name).filter(
      (task) => task.end === undefined && this.stateOf(task) === 'running',
    );
  }

  refusal(task: Task): Reason | undefined {
    return this.#refusals.get(task.id);
  }

  newId(): string {
    const id = `t${this.#nextId}`;
    this.#nextId += 1;
    return id;
  }

  #templateFor(tx: Transaction, serviceId: string, spec: TaskTemplateSpec): string {
    for (const row of tx.templates.by('service', serviceId)) {
      if (sameJson(row.spec, spec)) return row.id;
    }
    const id = `template-${this.newId()}`;
    tx.templates.put({ id, serviceId, spec });
    return id;
  }
}
