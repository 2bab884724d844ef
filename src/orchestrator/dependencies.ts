import { unreachable } from '../lib/assert.ts';
import type { Observed } from '../model/observed.ts';
import type { DependencyCondition, Service, ServiceDependency } from '../model/service.ts';
import type { ObservedTask, Task } from '../model/task.ts';
import { compareTaskStates } from '../model/task-state.ts';
import { isLive, nameKey } from '../store/schema.ts';
import type { View } from '../store/view.ts';
import type { Plan, PlanContext } from './plan.ts';
import { nothingToDo } from './plan.ts';

/** Whether nothing that the service depends on gates its first start any more. */
export function mayStart(view: View, service: Service): boolean {
  return firstUnmet(view, service) === undefined;
}

/** The first dependency that still gates the service's tasks, as durably recorded. */
export function firstUnmet(view: View, service: Service): ServiceDependency | undefined {
  const { dependsOn } = service.spec;
  if (dependsOn.length === 0) return undefined;
  return dependsOn.find(
    (one) =>
      !service.dependenciesMet.includes(one.service) &&
      (one.required || serviceNamed(view, one.service) !== undefined),
  );
}

/** Records which dependencies are met by now; once all are, the service's tasks are promoted. */
export function planDependencies(view: View, serviceId: string, context: PlanContext): Plan {
  const service = view.services.get(serviceId);
  if (service === undefined || service.removing === true) return nothingToDo;
  const met = service.spec.dependsOn.filter(
    (one) => !service.dependenciesMet.includes(one.service) && isMet(view, one, context.observed),
  );
  const follow = [{ kind: 'service', serviceId } as const];
  // Nothing new, but a dependency that need not exist may just have gone.
  if (met.length === 0) return mayStart(view, service) ? { steps: [], follow } : nothingToDo;
  const names = met.map((one) => one.service);
  return { steps: [{ kind: 'meet-dependencies', serviceId, names }], follow };
}

function isMet(view: View, dependency: ServiceDependency, observed: Observed): boolean {
  const service = serviceNamed(view, dependency.service);
  if (service === undefined) return false;
  return conditionHolds(view, { service, condition: dependency.condition, observed });
}

function conditionHolds(
  view: View,
  asked: {
    readonly service: Service;
    readonly condition: DependencyCondition;
    readonly observed: Observed;
  },
): boolean {
  const { service, condition, observed } = asked;
  switch (condition) {
    case 'started':
      return someTask(
        view.tasks.by('service', service.id),
        (task) => hasRun(task) || (isLive(task) && hasStarted(observed.task(task.id))),
      );
    case 'healthy':
      return someTask(
        view.tasks.by('live', service.id),
        (task) => observed.task(task.id)?.state === 'running',
      );
    case 'completed-successfully':
      return isCompleted(view, service);
    default:
      return unreachable(condition);
  }
}

function isCompleted(view: View, service: Service): boolean {
  const { mode } = service.spec;
  if (mode.kind === 'replicated-job') {
    return (service.job?.completions ?? 0) >= mode.totalCompletions;
  }
  return someTask(view.tasks.by('service', service.id), (task) => task.end?.state === 'complete');
}

function hasRun(task: Task): boolean {
  return task.end?.state === 'complete' || task.end?.state === 'failed';
}

/** Its container runs, whatever its health check says. */
function hasStarted(observed: ObservedTask | undefined): boolean {
  if (observed === undefined) return false;
  if (observed.state === 'running') return true;
  return (
    compareTaskStates(observed.state, 'starting') === 0 &&
    observed.containers.some((container) => container.health === 'starting')
  );
}

function serviceNamed(view: View, name: string): Service | undefined {
  // A name is free again as soon as its service is removed, while that still stops.
  for (const service of view.services.by('name', nameKey(name))) {
    if (service.removing !== true) return service;
  }
  return undefined;
}

function someTask<T>(items: Iterable<T>, holds: (item: T) => boolean): boolean {
  for (const item of items) if (holds(item)) return true;
  return false;
}
