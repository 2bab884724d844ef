import type { Service } from '../model/service.ts';
import type { Task } from '../model/task.ts';
import type { View } from '../store/view.ts';
import { mayStart } from './dependencies.ts';
import type { PlanContext } from './plan.ts';

export function isJob(service: Service): boolean {
  const { kind } = service.spec.mode;
  return kind === 'replicated-job' || kind === 'global-job';
}

/** What a task is desired to be once nothing holds it back. */
export function desiredInTheEnd(service: Service): 'running' | 'complete' {
  return isJob(service) ? 'complete' : 'running';
}

/** A new task; desired to run at once unless `hold` or the service's dependencies say otherwise. */
export function newTask(
  view: View,
  service: Service,
  made: {
    readonly context: PlanContext;
    readonly at: Pick<Task, 'slot' | 'generation'> & Partial<Pick<Task, 'targetNodeId'>>;
    /** Prepare only, and be promoted later. */
    readonly hold?: boolean;
    readonly with?: Partial<
      Pick<Task, 'templateId' | 'startAfter' | 'restarts' | 'attempts' | 'rollout' | 'move'>
    >;
  },
): Task {
  const { context, at } = made;
  const held = made.hold === true || !mayStart(view, service);
  return {
    id: context.newId(),
    serviceId: service.id,
    templateId: service.templateId,
    createdAt: context.now,
    desired: held ? 'ready' : desiredInTheEnd(service),
    addresses: [],
    restarts: [],
    ...(service.job === undefined ? {} : { iteration: service.job.iteration }),
    ...at,
    ...made.with,
  };
}

/** Where the successor of a task stands: same slot, next generation. */
export function placeAfter(
  tasks: readonly Task[],
  task: Task,
): Pick<Task, 'slot' | 'generation'> & Partial<Pick<Task, 'targetNodeId'>> {
  const newest = tasks.reduce((highest, one) => Math.max(highest, one.generation), 0);
  const place = { slot: task.slot, generation: newest + 1 };
  return task.targetNodeId === undefined ? place : { ...place, targetNodeId: task.targetNodeId };
}
