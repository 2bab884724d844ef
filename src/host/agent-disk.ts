import type { NodeViewChange } from '../model/assignment.ts';
import type { StandIn } from '../model/stand-in.ts';
import type { ObservedTask, TaskAddress } from '../model/task.ts';

/**
 * What a node must know to bring its tasks back with no manager in reach. Secrets are not in it:
 * `data` puts of kind `secret` are left out before saving.
 */
export interface AgentState {
  readonly nodeId: string;
  readonly clusterId?: string;
  /** The highest under which a manager assigned. */
  readonly epoch?: number;
  /** The last complete view, as puts. */
  readonly view: readonly NodeViewChange[];
  /** Ends that the engine may have forgotten. */
  readonly ended: readonly ObservedTask[];
  /** Tasks of the view that the agent made by itself, and that no manager has yet. */
  readonly standIns?: readonly StandIn[];
  /** The same and those that a manager took over or ended, while something of them is left. */
  readonly guests?: readonly Guest[];
}

/** A task that the agent made by itself, with the addresses of its container. */
export interface Guest {
  readonly taskId: string;
  readonly addresses: readonly TaskAddress[];
}

export interface AgentDisk {
  load(): Promise<AgentState | undefined>;
  /** Atomic and durable before it resolves. */
  save(state: AgentState): Promise<void>;
}
