import { withoutPrefix } from '../../src/lib/ipv4.ts';
import { isFenced } from '../../src/model/fence.ts';
import type { Instant } from '../../src/model/instant.ts';
import type { Service } from '../../src/model/service.ts';
import type { Task } from '../../src/model/task.ts';
import type { ControlPlane } from '../../src/manager/control-plane.ts';
import { slotKey } from '../../src/store/schema.ts';
import type { Commit, View } from '../../src/store/view.ts';
import type { EngineWatcher, SimulatedContainer } from '../runtime.ts';
import { declaredAddresses, missedAddress } from '../static-addresses.ts';
import type { Watched } from './machine.ts';

export type ClusterCheck =
  | 'address held by two live containers'
  | 'static address missed'
  | 'fenced task ran twice'
  | 'declared down without a cut'
  | 'missed while the manager did not listen'
  | 'declared down with half of the nodes'
  | 'tasks of a cut node do not run elsewhere in time'
  | 'two live tasks in a slot after healing'
  | 'not as declared after healing'
  | 'fewer run than the update settings allow'
  | 'a drain or a rebalance does not end'
  // With several managers.
  | 'acknowledged write lost'
  | 'two writes of one revision'
  | 'a write under an epoch that is over'
  | 'managers disagree'
  | 'a revision comes twice'
  | 'two managers act at once'
  | 'a read shows less than was acknowledged'
  | 'a change of the leader moved tasks'
  | 'process broke';

export interface ClusterViolation {
  readonly check: ClusterCheck;
  readonly at: Instant;
  readonly message: string;
}

const taskLabel = 'com.docker.swarm.task.id';

/** Watches all engines and the manager of a cluster at once. */
export class ClusterCheckers implements EngineWatcher {
  readonly violations: ClusterViolation[] = [];
  readonly #world: Watched;
  readonly #tasks = new Map<string, Task>();
  readonly #services = new Map<string, Service>();
  readonly #alive = new Set<SimulatedContainer>();
  readonly #declaredAddresses = new Set<string>();

  constructor(world: Watched) {
    this.#world = world;
  }

  report(check: ClusterCheck, message: string): void {
    this.violations.push({ check, at: this.#world.clock.now(), message });
  }

  opened(view: View): void {
    for (const task of view.tasks.all()) this.#tasks.set(task.id, task);
    for (const service of view.services.all()) this.#services.set(service.id, service);
  }

  committed(commit: Commit, control: ControlPlane): void {
    for (const change of commit.changes) {
      for (const address of declaredAddresses(change)) this.#declaredAddresses.add(address);
      const missed = missedAddress(control.view, change);
      if (missed !== undefined) this.report('static address missed', missed);
      if (change.table === 'services' && change.after !== undefined) {
        this.#services.set(change.id, change.after);
      }
      if (change.table === 'tasks' && change.after !== undefined) {
        this.#tasks.set(change.id, change.after);
      }
    }
    for (const node of control.view.nodes.all()) this.#checkDown(node.id, control);
  }

  created(): void {
    // Only what runs is judged.
  }

  /** Containers that run, by the slot that they are of. */
  runningBySlot(): ReadonlyMap<string, readonly SimulatedContainer[]> {
    const running = [...this.#alive].filter(({ state }) => state === 'running');
    return Map.groupBy(running, (container) => {
      const task = this.taskOf(container);
      return task === undefined ? 'nobody' : slotKey(task);
    });
  }

  /** To be asked once all is healed, and nothing moves any more. */
  checkSlots(): void {
    for (const [slot, containers] of this.runningBySlot()) {
      if (containers.length < 2) continue;
      const text = `${slot}: ${containers.map(({ id }) => id).join(', ')}`;
      this.report('two live tasks in a slot after healing', text);
    }
  }

  taskOf(container: SimulatedContainer): Task | undefined {
    return this.#tasks.get(container.request.labels[taskLabel] ?? '');
  }

  started(container: SimulatedContainer): void {
    for (const other of this.#alive) {
      if (other.state === 'running') this.#checkPair(container, other);
      else this.#alive.delete(other);
    }
    this.#alive.add(container);
  }

  #checkPair(container: SimulatedContainer, other: SimulatedContainer): void {
    const names = `${other.id} (${other.request.name}) and ${container.id} (${container.request.name})`;
    for (const { networkName, address } of container.request.endpoints) {
      const isSame = other.request.endpoints.some(
        (one) => one.networkName === networkName && one.address === address,
      );
      if (address === undefined || !isSame) continue;
      const isStatic = this.#declaredAddresses.has(withoutPrefix(address));
      if (!isStatic && this.#isInDoubt(container, other)) continue;
      this.report('address held by two live containers', `${networkName} ${address}: ${names}`);
    }
    const [mine, theirs] = [this.taskOf(container), this.taskOf(other)];
    if (mine === undefined || theirs === undefined || slotKey(mine) !== slotKey(theirs)) return;
    const service = this.#services.get(mine.serviceId);
    if (service !== undefined && isFenced(service)) this.report('fenced task ran twice', names);
  }

  /**
   * A node that hears nothing, while it is heard, restarts what has a successor elsewhere by then;
   * see docs/design/autonomy.md, In doubt.
   */
  #isInDoubt(container: SimulatedContainer, other: SimulatedContainer): boolean {
    const place = (one: SimulatedContainer): string => one.request.name.replace(/\.[^.]*$/, '');
    if (place(container) !== place(other)) return false;
    return this.taskOf(container) === undefined || this.taskOf(other) === undefined;
  }

  /** Asked at each commit: what follows from `down` is one. */
  #checkDown(nodeId: string, control: ControlPlane): void {
    if (control.observed.node(nodeId)?.state !== 'down') return;
    const world = this.#world;
    const machine = world.machines.find((one) => world.nodeId(one) === nodeId);
    if (machine === undefined || world.mayBeDown(machine)) return;
    const cut = world.machines.filter((one) => one.link.isCut);
    const check = machine.link.isCut
      ? 'declared down with half of the nodes'
      : 'declared down without a cut';
    const message = `${machine.hostname}; cut are ${cut.map(({ hostname }) => hostname).join(', ')}`;
    if (this.violations.some((one) => one.check === check && one.message === message)) return;
    this.report(check, message);
  }
}
