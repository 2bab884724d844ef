import type { Instant } from './instant.ts';

/**
 * A task that an agent made by itself, with no manager in reach, in the place of one that ended. It
 * is a task like the others: it runs once, and its end is kept until a manager has it.
 */
export interface StandIn {
  readonly taskId: string;
  /** The task of the manager whose place it has; others may have stood in for that before. */
  readonly originId: string;
  readonly createdAt: Instant;
  /** Restarts since the origin ended, this one included. */
  readonly attempts: number;
  /** When the last of them happened; bounded. */
  readonly restarts: readonly Instant[];
}
