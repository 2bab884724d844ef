import type { Instant } from './instant.ts';

/** How far a service is with the rebalance that a person asked for. Durable. */
export interface RebalanceStatus {
  readonly state: 'running' | 'completed' | 'stopped';
  /** The same for all services that are balanced together. */
  readonly startedAt: Instant;
  readonly endedAt?: Instant;
  /** Tasks that it moved so far. */
  readonly moved: number;
  /** Why it was stopped, in one sentence. */
  readonly message?: string;
}

/** A task that would be better off elsewhere. Nodes by name. */
export interface PlannedMove {
  readonly taskId: string;
  readonly service: string;
  readonly slot: number;
  readonly from: string;
  readonly to: string;
  /** What is uneven, in words: `n1 has 4 of its tasks, n2 has 1`. */
  readonly why: string;
}

export interface RebalancePlan {
  readonly moves: readonly PlannedMove[];
  /** Services that a rebalance leaves alone. */
  readonly kept: readonly { readonly service: string; readonly why: string }[];
}

/** The last rebalance, or the one under way. */
export interface RebalanceReport {
  readonly running: boolean;
  readonly services: readonly RebalancedService[];
}

export interface RebalancedService extends Omit<RebalanceStatus, 'startedAt'> {
  readonly service: string;
  /** The move under way: how its task is called, and the nodes. */
  readonly moving?: { readonly task: string; readonly from: string; readonly to: string };
  /** What it waits for before it moves the next task. */
  readonly waits?: string;
}
