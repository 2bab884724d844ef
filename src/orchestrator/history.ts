import type { Task } from '../model/task.ts';
import { clusterDefaults } from '../model/cluster.ts';
import { isWanted } from '../store/schema.ts';
import type { View } from '../store/view.ts';
import type { Slot } from './slot.ts';

/** Deletes the oldest rows of the slot that are over, down to the cluster's limit. */
export function trimHistory(view: View, slot: Slot): void {
  const limit = taskHistoryLimit(view);
  if (limit < 0) return;
  let surplus = slot.tasks.length - limit;
  for (const task of slot.tasks) {
    if (surplus <= 0) return;
    if (!isHistory(task)) continue;
    slot.step({ kind: 'delete-task', taskId: task.id });
    slot.draft.follow({ kind: 'template', templateId: task.templateId });
    surplus -= 1;
  }
}

function isHistory(task: Task): boolean {
  return task.end !== undefined && !isWanted(task) && task.spent !== true;
}

function taskHistoryLimit(view: View): number {
  for (const cluster of view.clusters.all()) return cluster.spec.taskHistoryLimit;
  return clusterDefaults.taskHistoryLimit;
}
