import { taskContainerName } from '../model/container-name.ts';
import type { TaskAssignment } from '../model/assignment.ts';
import type { Labels } from '../model/labels.ts';

/** Marks what a cluster made on a node; its value is the cluster's id. */
export const clusterLabel = 'dev.tutti.cluster';
export const taskIdLabel = 'com.docker.swarm.task.id';

/**
 * Labels of a task's container: those by which tools find Swarm's (moby, executor/container), and
 * ours.
 */
export function taskLabels(
  task: TaskAssignment,
  where: { readonly nodeId: string; readonly clusterId: string; readonly own: Labels },
): Labels {
  return {
    ...where.own,
    'com.docker.swarm.task': '',
    [taskIdLabel]: task.taskId,
    'com.docker.swarm.task.name': taskContainerName(task, where.nodeId),
    'com.docker.swarm.node.id': where.nodeId,
    'com.docker.swarm.service.id': task.serviceId,
    'com.docker.swarm.service.name': task.serviceName,
    [clusterLabel]: where.clusterId,
  };
}
