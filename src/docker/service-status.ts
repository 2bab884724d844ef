import type { ControlPlane } from '../manager/control-plane.ts';
import type { Service } from '../model/service.ts';
import type { ServiceStatus } from './lens-service.ts';

/** The counts of `docker service ls` (swarmkit controlapi, ListServiceStatuses). */
export function countTasks(controlPlane: ControlPlane, service: Service): ServiceStatus {
  const { mode } = service.spec;
  let running = 0;
  let wanted = 0;
  let open = 0;
  for (const task of controlPlane.view.tasks.by('live', service.id)) {
    if (task.desired === 'running' || task.desired === 'complete') wanted += 1;
    if (task.end === undefined) open += 1;
    // What runs on a node that is down nobody knows.
    if (controlPlane.observed.node(task.nodeId ?? '')?.state === 'down') continue;
    if (controlPlane.taskStatus(task).state === 'running') running += 1;
  }
  const completed = service.job?.completions ?? 0;
  switch (mode.kind) {
    case 'replicated':
      return { running, desired: mode.replicas, completed: 0 };
    case 'global':
      return { running, desired: wanted, completed: 0 };
    case 'replicated-job':
      return { running, desired: mode.maxConcurrent, completed };
    case 'global-job':
      // The CLI adds what is completed to it.
      return { running, desired: open, completed };
  }
}
