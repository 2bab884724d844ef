import type { Instant } from './instant.ts';
import type { Reason } from './reason.ts';
import type { DesiredState, EndState, TaskState } from './task-state.ts';

/** A task's address on a network: assigned in the transaction that places the task. */
export interface TaskAddress {
  readonly networkId: string;
  /** With its prefix length: `10.0.1.3/24`. */
  readonly address: string;
}

/** How a task ended. Durable: counters that follow from it are written in the same transaction. */
export interface TaskEnd {
  readonly state: EndState;
  readonly at: Instant;
  readonly exitCode?: number;
  readonly reason: Reason;
}

/**
 * A task row: one replica of a service at one slot. Only what must survive is here; what an agent
 * observes (`preparing`, `starting`, health) stays in memory.
 */
export interface Task {
  readonly id: string;
  readonly serviceId: string;
  /** 1 … n for replicated services; 0 for global ones, whose slot is the node. Jobs count from 0. */
  readonly slot: number;
  /** Set at creation for global services, else by the scheduler; never changed afterwards. */
  readonly nodeId?: string;
  readonly templateId: string;
  /** Rises by one with each task of the same slot (or node): the highest is the current one. */
  readonly generation: number;
  readonly createdAt: Instant;
  readonly desired: DesiredState;
  /** A task that is desired `ready` becomes desired `running` no earlier than this. */
  readonly startAfter?: Instant;
  readonly addresses: readonly TaskAddress[];
  readonly end?: TaskEnd;
  /** When each restart of this slot under the same template happened; bounded by what the policy counts. */
  readonly restarts: readonly Instant[];
  /** True when its end was not followed by a replacement, by its restart policy. */
  readonly spent?: boolean;
  /** Job iteration it belongs to. */
  readonly iteration?: number;
}

export type Health = 'none' | 'starting' | 'healthy' | 'unhealthy';

export interface ObservedContainer {
  /** Name in the template. */
  readonly name: string;
  /** Id in the container engine. */
  readonly containerId: string;
  readonly pid?: number;
  readonly exitCode?: number;
  readonly health: Health;
}

export interface ObservedPort {
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  readonly targetPort: number;
  readonly publishedPort: number;
}

/** What an agent says of one of its tasks. Kept in the leader's memory. */
export interface ObservedTask {
  readonly taskId: string;
  readonly state: TaskState;
  /** When it reached that state, by the clock of whoever holds this value. */
  readonly since: Instant;
  /** Present whenever the state is not `running`. */
  readonly reason?: Reason;
  readonly containers: readonly ObservedContainer[];
  readonly hostPorts: readonly ObservedPort[];
  readonly exitCode?: number;
}
