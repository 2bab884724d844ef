import type { TaskAssignment } from './assignment.ts';

/**
 * The name of a task's container, `<service>.<slot>.<task id>` (for global services the node's id
 * stands in for the slot), as Swarm names it (swarmkit api/naming).
 */
export function taskContainerName(
  task: Pick<TaskAssignment, 'taskId' | 'serviceName' | 'slot'>,
  nodeId: string,
): string {
  return `${task.serviceName}.${task.slot > 0 ? task.slot : nodeId}.${task.taskId}`;
}
