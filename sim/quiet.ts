import { unmetConstraint } from '../src/model/constraint.ts';
import type { ControlPlane } from '../src/manager/control-plane.ts';
import type { Service } from '../src/model/service.ts';
import type { Task } from '../src/model/task.ts';
import { firstUnmet } from '../src/orchestrator/dependencies.ts';
import { isCurrent, isLive, slotKey } from '../src/store/schema.ts';
import type { SimulatedNode } from './node.ts';
import type { SimulatedContainer, SimulatedRuntime } from './runtime.ts';
import { isContested } from './static-addresses.ts';

const taskLabel = 'com.docker.swarm.task.id';

interface Surroundings {
  readonly control: ControlPlane;
  /** By the task that they belong to. */
  readonly containers: ReadonlyMap<string, readonly SimulatedContainer[]>;
}

/** What keeps the world from being as it was declared; nothing, once it is quiet. */
export function unsettled(
  control: ControlPlane,
  { engine, node }: { readonly engine: SimulatedRuntime; readonly node: SimulatedNode },
): readonly string[] {
  const found: string[] = [];
  const { view } = control;
  const containers = Map.groupBy(
    engine.containers.values(),
    ({ request }) => request.labels[taskLabel] ?? '',
  );
  for (const service of view.services.all()) {
    found.push(...unsettledService(service, { control, containers }));
  }
  for (const [taskId, held] of containers) {
    const task = view.tasks.get(taskId);
    const name = held[0]?.request.name ?? taskId;
    if (task === undefined) found.push(`container ${name} belongs to no task`);
    else if (!isLive(task) && held.some(isAlive)) found.push(`container ${name} runs unwanted`);
    if (held.length > 1) found.push(`task ${taskId} has ${held.length} containers`);
  }
  for (const taskId of node.files.keys()) {
    if (view.tasks.get(taskId) === undefined) found.push(`files of task ${taskId} are left`);
  }
  for (const name of engine.networks.keys()) {
    const isKnown = [...view.networks.all()].some((network) => network.spec.name === name);
    if (!isKnown) found.push(`network ${name} is left`);
  }
  return found;
}

function unsettledService(service: Service, world: Surroundings): readonly string[] {
  const { control } = world;
  const { view } = control;
  const { name } = service.spec;
  if (service.removing === true) return [`service ${name} is still being removed`];
  const found: string[] = [];
  const tasks = [...view.tasks.by('service', service.id)];
  const current = tasks.filter(isCurrent);
  const wanted = wantedTasks(service, { current, world });
  if (current.length !== wanted) found.push(`${name}: ${current.length} tasks of ${wanted}`);
  found.push(...miscounted(service, current));
  const state = service.update?.state;
  const isPaused = isUpdatePaused(service);
  // It waits a quarter of an hour for what gates its tasks.
  const isWaiting = isGated(service, control);
  found.push(...current.flatMap((task) => unsettledTask(task, { service, ...world }) ?? []));
  // An elder stays as long as its successor waits.
  const waiting = current.filter((task) => mayWait(task, { service, ...world }));
  const isKept = (task: Task): boolean =>
    isLive(task) && (isPaused || waiting.some((head) => slotKey(head) === slotKey(task)));
  const ending = tasks.filter(
    (task) => !isCurrent(task) && task.end === undefined && !isKept(task),
  );
  for (const task of ending) found.push(`${name}.${task.slot} ${task.id} has not ended`);
  const limit = control.cluster()?.spec.taskHistoryLimit ?? 5;
  for (const [key, all] of Map.groupBy(tasks, slotKey)) {
    if (all.length > limit) found.push(`${name}: ${key} keeps ${all.length} tasks`);
  }
  const isUnderWay = state === 'updating' || state === 'rollback_started';
  if (isUnderWay && !isWaiting) found.push(`${name} is ${state}`);
  const isOld = current.some((task) => task.templateId !== service.templateId);
  if (isOld && !isPaused && !isWaiting) found.push(`${name} has tasks of an older template`);
  return found;
}

/** How many slots have to have a task. */
function wantedTasks(
  service: Service,
  of: { readonly current: readonly Task[]; readonly world: Surroundings },
): number {
  const { mode, placement } = service.spec;
  const { current, world } = of;
  switch (mode.kind) {
    case 'replicated':
      return mode.replicas;
    case 'replicated-job': {
      // Tasks that wait for something hold up those after them.
      const isFull = mode.maxConcurrent > 0 && current.filter(isLive).length >= mode.maxConcurrent;
      return isFull ? current.length : mode.totalCompletions;
    }
    case 'global':
    case 'global-job': {
      const nodes = [...world.control.view.nodes.all()];
      return nodes.filter((node) => unmetConstraint(node, placement.constraints) === undefined)
        .length;
    }
  }
}

/** A job has as many completions as slots whose task came to a good end. */
function miscounted(service: Service, current: readonly Task[]): readonly string[] {
  const { job } = service;
  if (job === undefined) return [];
  const complete = current.filter(
    (task) => task.desired === 'complete' && task.end?.state === 'complete',
  ).length;
  if (complete === job.completions) return [];
  return [
    `${service.spec.name}: ${job.completions} completions counted, ${complete} tasks complete`,
  ];
}

/** What a task may wait for, for ever, while nobody changes anything. */
function mayWait(task: Task, of: Surroundings & { readonly service: Service }): boolean {
  const { service, control } = of;
  const { view } = control;
  const code = control.taskStatus(task).reason?.code;
  if (code === 'constraint-unmet') {
    const [node] = view.nodes.all();
    return (
      node !== undefined && unmetConstraint(node, service.spec.placement.constraints) !== undefined
    );
  }
  if (code === 'insufficient-resources') {
    const template = view.templates.get(task.templateId)?.spec;
    return (template?.containers[0]?.reservations.memoryBytes ?? 0) > 0;
  }
  if (code === 'address-in-use') return isUpdatePaused(service) || isContested(view, task);
  return code === 'waiting-for-dependency' && isGated(service, control);
}

/** Whether what gates the service is indeed not there. */
function isGated(service: Service, { view, observed }: ControlPlane): boolean {
  const unmet = firstUnmet(view, service);
  if (unmet === undefined) return false;
  if (unmet.condition === 'completed-successfully') return true;
  const [other] = view.services.by('name', unmet.service);
  const live = [...view.tasks.by('live', other?.id ?? '')];
  return !live.some((task) => observed.task(task.id)?.state === 'running');
}

function unsettledTask(
  task: Task,
  { service, control, containers }: Surroundings & { readonly service: Service },
): string | undefined {
  const { state, reason } = control.taskStatus(task);
  const alive = (containers.get(task.id) ?? []).filter(isAlive).length;
  const isSpent = task.spent === true && alive === 0;
  if (isSpent || (state === 'running' && alive === 1)) return undefined;
  if (state === 'complete' && task.desired === 'complete' && alive === 0) return undefined;
  if (alive === 0 && mayWait(task, { service, control, containers })) return undefined;
  // A paused update leaves its prepared tasks beside those that they would have replaced.
  if (isUpdatePaused(service) && state === 'ready') return undefined;
  const why = `${reason?.code}: ${reason?.message}`;
  const { name } = service.spec;
  return `${name}.${task.slot} ${task.id} is ${state} (${why}), ${alive} containers run`;
}

function isUpdatePaused({ update }: Service): boolean {
  return update?.state === 'paused' || update?.state === 'rollback_paused';
}

function isAlive(container: SimulatedContainer): boolean {
  return container.state === 'running';
}
