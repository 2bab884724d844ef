import type { ObservedNode } from './node.ts';
import type { ObservedTask } from './task.ts';

/**
 * What agents reported last, by the manager's clock. A task that nobody reported yet is unknown,
 * not dead.
 */
export interface Observed {
  task(taskId: string): ObservedTask | undefined;
  node(nodeId: string): ObservedNode | undefined;
}
