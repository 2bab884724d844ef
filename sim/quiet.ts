import type { ControlPlane } from '../src/manager/control-plane.ts';
import type { Service } from '../src/model/service.ts';
import type { Task } from '../src/model/task.ts';
import { isCurrent, isLive, slotKey } from '../src/store/schema.ts';
import type { SimulatedNode } from './node.ts';
import type { SimulatedContainer, SimulatedRuntime } from './runtime.ts';

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
  const { name, mode } = service.spec;
  if (service.removing === true) return [`service ${name} is still being removed`];
  const found: string[] = [];
  const tasks = [...view.tasks.by('service', service.id)];
  const current = tasks.filter(isCurrent);
  const wanted = mode.kind === 'replicated' ? mode.replicas : view.nodes.size;
  if (current.length !== wanted) found.push(`${name}: ${current.length} tasks of ${wanted}`);
  const state = service.update?.state;
  const isPaused = isUpdatePaused(service);
  found.push(...current.flatMap((task) => unsettledTask(task, { service, ...world }) ?? []));
  const ending = tasks.filter(
    (task) => !isCurrent(task) && task.end === undefined && !(isPaused && isLive(task)),
  );
  for (const task of ending) found.push(`${name}.${task.slot} ${task.id} has not ended`);
  const limit = control.cluster()?.spec.taskHistoryLimit ?? 5;
  for (const [key, all] of Map.groupBy(tasks, slotKey)) {
    if (all.length > limit) found.push(`${name}: ${key} keeps ${all.length} tasks`);
  }
  if (state === 'updating' || state === 'rollback_started') found.push(`${name} is ${state}`);
  const isOld = current.some((task) => task.templateId !== service.templateId);
  if (isOld && !isPaused) found.push(`${name} has tasks of an older template`);
  return found;
}

function unsettledTask(
  task: Task,
  { service, control, containers }: Surroundings & { readonly service: Service },
): string | undefined {
  const { state, reason } = control.taskStatus(task);
  const alive = (containers.get(task.id) ?? []).filter(isAlive).length;
  const isSpent = task.spent === true && alive === 0;
  if (isSpent || (state === 'running' && alive === 1)) return undefined;
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
