import { taskContainerName } from '../model/container-name.ts';
import type { TaskAssignment } from '../model/assignment.ts';
import { formatHostPorts, hostPortsLabel } from '../model/host-ports.ts';
import type { Labels } from '../model/labels.ts';
import type { ObservedPort } from '../model/task.ts';

/** Marks what a cluster made on a node; its value is the cluster's id. */
export const clusterLabel = 'dev.tutti.cluster';
export const taskIdLabel = 'com.docker.swarm.task.id';

/**
 * Labels of a task's container: those by which tools find Swarm's (moby, executor/container), and
 * ours.
 */
export function taskLabels(
  task: TaskAssignment,
  where: {
    readonly nodeId: string;
    readonly clusterId: string;
    readonly own: Labels;
    readonly hostPorts: readonly ObservedPort[];
  },
): Labels {
  const { hostPorts } = where;
  // Ports are declared as such, and judged; nobody gets them by a label.
  const { [hostPortsLabel]: _, ...own } = where.own;
  return {
    ...own,
    'com.docker.swarm.task': '',
    [taskIdLabel]: task.taskId,
    'com.docker.swarm.task.name': taskContainerName(task, where.nodeId),
    'com.docker.swarm.node.id': where.nodeId,
    'com.docker.swarm.service.id': task.serviceId,
    'com.docker.swarm.service.name': task.serviceName,
    [clusterLabel]: where.clusterId,
    ...(hostPorts.length > 0 && { [hostPortsLabel]: formatHostPorts(hostPorts) }),
  };
}
