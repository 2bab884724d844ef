import type { AloneStart } from '../model/assignment.ts';
import type { Service } from '../model/service.ts';
import type { Task } from '../model/task.ts';
import { isLive, slotKey } from '../store/schema.ts';
import type { View } from '../store/view.ts';
import { mayStart } from './dependencies.ts';
import { desiredInTheEnd } from './new-task.ts';

/**
 * When a prepared task would be promoted whatever else happens: it waits for its time, or for tasks
 * of its slot that are told to go on the same node. Undefined: only a manager can tell.
 */
export function aloneStart(
  view: View,
  of: { readonly service: Service; readonly task: Task },
): AloneStart | undefined {
  const { service, task } = of;
  if (task.desired !== 'ready' || task.end !== undefined || service.removing === true) {
    return undefined;
  }
  if (!mayStart(view, service)) return undefined;
  const after: string[] = [];
  for (const other of view.tasks.by('slot', slotKey(task))) {
    if (other.id === task.id || other.end !== undefined) continue;
    if (isLive(other) || other.nodeId !== task.nodeId) return undefined;
    after.push(other.id);
  }
  const notBefore = task.startAfter ?? task.createdAt;
  return { desired: desiredInTheEnd(service), notBefore, after };
}
