import type { ObservedNode } from './node.ts';
import type { PortProblem } from './port-problem.ts';
import type { ObservedTask } from './task.ts';

/**
 * What agents reported last, by the manager's clock. A task that nobody reported yet is unknown,
 * not dead.
 */
export interface Observed {
  task(taskId: string): ObservedTask | undefined;
  node(nodeId: string): ObservedNode | undefined;
  /** Published ports of a service that a node does not serve. */
  portProblems(serviceId: string): readonly (PortProblem & { readonly nodeId: string })[];
}
