import type { ContainerEndpoint } from '../src/host/container-runtime.ts';
import type { ControlPlane } from '../src/manager/control-plane.ts';
import { sameJson } from '../src/lib/json.ts';
import type { Instant } from '../src/model/instant.ts';
import type { Task } from '../src/model/task.ts';
import { compareTaskStates, type TaskState } from '../src/model/task-state.ts';
import { isCurrent, type Rows, slotKey, type TableName, tableNames } from '../src/store/schema.ts';
import type { Commit, View } from '../src/store/view.ts';
import { checkChanges } from './loops/invariants.ts';
import type { EngineWatcher, SimulatedContainer } from './runtime.ts';
import { missedAddress } from './static-addresses.ts';

/** The kinds of truth that are checked; each failure names the one that it broke. */
export type Check =
  | 'acknowledged write lost'
  | 'row goes wrong way'
  | 'observed state goes back'
  | 'dangling task'
  | 'two current tasks in a slot'
  | 'two containers of a task'
  | 'two containers in a slot'
  | 'container started twice'
  | 'address held twice'
  | 'static address missed'
  | 'ended task still runs'
  | 'no reason'
  | 'process broke'
  | 'write refused'
  | 'not quiet in time';

export interface Violation {
  readonly check: Check;
  readonly at: Instant;
  readonly message: string;
}

const taskLabel = 'com.docker.swarm.task.id';

/** Watches a world and collects what must never be. Nothing here changes the world. */
export class Checkers implements EngineWatcher {
  readonly violations: Violation[] = [];
  readonly #now: () => Instant;
  /** What listeners were told is durable. */
  readonly #rows = new Map<string, Rows[TableName]>();
  #revision = 0;
  readonly #containerOf = new Map<string, string>();
  readonly #started = new Set<string>();
  readonly #alive = new Set<SimulatedContainer>();
  /** What the manager that lives now has shown of each task. */
  readonly #shown = new Map<string, TaskState>();
  /** Services that were start-first at some time: two containers in a slot are theirs by right. */
  readonly overlapping = new Set<string>();

  constructor(now: () => Instant) {
    this.#now = now;
  }

  get containersMade(): number {
    return this.#containerOf.size;
  }

  report(check: Check, message: string): void {
    this.violations.push({ check, at: this.#now(), message });
  }

  /** A manager opened what its disk holds: at most the batch in flight may be there besides. */
  opened(view: View): void {
    const { revision } = view;
    if (revision < this.#revision) {
      const text = `revision ${this.#revision} was acknowledged, ${revision} is on disk`;
      this.report('acknowledged write lost', text);
    } else if (revision === this.#revision) this.#compare(view);
    this.#rows.clear();
    for (const table of tableNames) {
      for (const row of view[table].all()) this.#rows.set(`${table}/${row.id}`, row);
    }
    this.#revision = revision;
    this.#shown.clear();
    for (const service of view.services.all()) this.#noteOrder(service);
  }

  committed(commit: Commit, control: ControlPlane): void {
    this.#revision = commit.revision;
    this.#tryCheck('row goes wrong way', () => checkChanges(commit.changes));
    for (const { table, id, after } of commit.changes) {
      const key = `${table}/${id}`;
      if (after === undefined) this.#rows.delete(key);
      else this.#rows.set(key, after);
      if (table === 'services' && after !== undefined) this.#noteOrder(after);
    }
    for (const change of commit.changes) {
      if (change.table !== 'tasks' || change.after === undefined) continue;
      this.#checkTask(change.after, control);
    }
    this.#checkAddresses(control.view);
    for (const change of commit.changes) {
      const missed = missedAddress(control.view, change);
      if (missed !== undefined) this.report('static address missed', missed);
    }
  }

  observed(taskId: string, control: ControlPlane): void {
    const seen = control.observed.task(taskId);
    if (seen === undefined) return;
    const before = this.#shown.get(taskId);
    if (before !== undefined && compareTaskStates(seen.state, before) < 0) {
      this.report('observed state goes back', `task ${taskId}: ${before}, then ${seen.state}`);
    }
    this.#shown.set(taskId, seen.state);
    const task = control.view.tasks.get(taskId);
    if (task !== undefined) this.#checkReason(task, control);
  }

  created(container: SimulatedContainer): void {
    const taskId = container.request.labels[taskLabel];
    // One that is no task.
    if (taskId === undefined) return;
    const before = this.#containerOf.get(taskId);
    // One that never ran may have been left half made, and is made anew.
    if (before !== undefined && this.#started.has(before)) {
      this.report('two containers of a task', `task ${taskId}: ${before} and ${container.id}`);
    }
    this.#containerOf.set(taskId, container.id);
  }

  started(container: SimulatedContainer): void {
    const isTask = container.request.labels[taskLabel] !== undefined;
    if (isTask && this.#started.has(container.id)) {
      this.report('container started twice', `${container.request.name}, ${container.id}`);
    }
    this.#started.add(container.id);
    for (const other of this.#alive) {
      if (other === container) continue;
      if (other.state === 'running') this.#checkPair(container, other);
      else this.#alive.delete(other);
    }
    this.#alive.add(container);
    const task = this.#task(container);
    if (task?.end !== undefined) this.#checkEnd(task);
  }

  #checkPair(container: SimulatedContainer, other: SimulatedContainer): void {
    const names = `${other.request.name} and ${container.request.name}`;
    const held = new Set(other.request.endpoints.flatMap(placesOf));
    for (const place of container.request.endpoints.flatMap(placesOf)) {
      if (held.has(place)) this.report('address held twice', `${place}: ${names}`);
    }
    const [mine, theirs] = [this.#task(container), this.#task(other)];
    if (mine === undefined || theirs === undefined || slotKey(mine) !== slotKey(theirs)) return;
    if (this.overlapping.has(mine.serviceId) || theirs.end?.state === 'orphaned') return;
    this.report('two containers in a slot', names);
  }

  #checkTask(task: Task, control: ControlPlane): void {
    const { view } = control;
    const about = `task ${task.id}`;
    if (view.services.get(task.serviceId) === undefined) {
      this.report('dangling task', `${about} has no service`);
    }
    if (view.templates.get(task.templateId) === undefined) {
      this.report('dangling task', `${about} has no template`);
    }
    const isPlaced = task.nodeId !== undefined && task.end === undefined;
    if (isPlaced && view.nodes.get(task.nodeId) === undefined) {
      this.report('dangling task', `${about} is on a node that is gone`);
    }
    const current = [...view.tasks.by('slot', slotKey(task))].filter(isCurrent);
    if (current.length > 1) {
      const ids = current.map(({ id }) => id).join(', ');
      this.report('two current tasks in a slot', `${slotKey(task)}: ${ids}`);
    }
    if (task.end !== undefined) this.#checkEnd(task);
    this.#checkReason(task, control);
  }

  /** A node that cannot be asked may still run an orphan; nothing else that ended runs. */
  #checkEnd(task: Task): void {
    if (task.end === undefined || task.end.state === 'orphaned') return;
    for (const container of this.#alive) {
      if (container.state !== 'running' || this.#task(container)?.id !== task.id) continue;
      const { name } = container.request;
      this.report(
        'ended task still runs',
        `${name} ended ${task.end.state}: ${task.end.reason.message}`,
      );
    }
  }

  #checkReason(task: Task, control: ControlPlane): void {
    const status = control.taskStatus(task);
    if (status.state === 'running' || (status.reason?.message ?? '') !== '') return;
    this.report('no reason', `task ${task.id} is ${status.state}`);
  }

  #checkAddresses(view: View): void {
    const holders = new Map<string, string>();
    const hold = (place: { readonly networkId: string; readonly address: string }, who: string) => {
      const key = `${place.networkId}/${place.address}`;
      const holder = holders.get(key);
      if (holder !== undefined) this.report('address held twice', `${key}: ${holder} and ${who}`);
      holders.set(key, who);
    };
    for (const service of view.services.all()) {
      for (const one of service.virtualAddresses) hold(one, service.id);
    }
    for (const row of view.attachments.all()) hold(row, row.id);
    for (const task of view.tasks.all()) {
      if (task.end !== undefined && task.end.state !== 'orphaned') continue;
      for (const one of task.addresses) hold(one, task.id);
    }
  }

  #compare(view: View): void {
    let count = 0;
    for (const table of tableNames) {
      for (const row of view[table].all()) {
        count += 1;
        if (sameJson(row, this.#rows.get(`${table}/${row.id}`))) continue;
        const text = `${table} ${row.id} is not what was acknowledged`;
        this.report('acknowledged write lost', text);
      }
    }
    if (count !== this.#rows.size) {
      const text = `${this.#rows.size} rows were acknowledged, ${count} are there`;
      this.report('acknowledged write lost', text);
    }
  }

  #noteOrder(row: Rows[TableName]): void {
    if (!('templateId' in row) || !('spec' in row)) return;
    const { update, rollback } = row.spec;
    if (update?.order === 'start-first' || rollback?.order === 'start-first') {
      this.overlapping.add(row.id);
    }
  }

  #task(container: SimulatedContainer): Task | undefined {
    const row = this.#rows.get(`tasks/${container.request.labels[taskLabel] ?? ''}`);
    return row as Task | undefined;
  }

  #tryCheck(check: Check, run: () => void): void {
    try {
      run();
    } catch (error) {
      this.report(check, error instanceof Error ? error.message : String(error));
    }
  }
}

/** A network with each address that a container has on it. */
function placesOf({ networkName, address, ipv6Address }: ContainerEndpoint): readonly string[] {
  return [address, ipv6Address].flatMap((one) =>
    one === undefined ? [] : `${networkName} ${one}`,
  );
}
