import type { Instant } from './instant.ts';
import type { Reason } from './reason.ts';
import type { DesiredState, EndState, TaskState } from './task-state.ts';

/** A task's address on a network: assigned in the transaction that places the task. */
export interface TaskAddress {
  readonly networkId: string;
  /** With its prefix length: `10.0.1.3/24`. */
  readonly address: string;
}

/** That a task was made to take its slot to another node, and how far it is. */
export interface TaskMove {
  readonly cause: 'eviction' | 'rebalance';
  /** `held`: the service moves no other task until this one runs, as its update settings say. */
  readonly turn: 'held' | 'over';
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
  /**
   * 1 … n for replicated services; 0 for global ones, whose slot is the node. Jobs count from 0.
   */
  readonly slot: number;
  /** Set when the scheduler places the task; never changed afterwards. */
  readonly nodeId?: string;
  /**
   * Global services and jobs: the one node for which the task was made. It is placed there or
   * nowhere.
   */
  readonly targetNodeId?: string;
  readonly templateId: string;
  /** Rises by one with each task of the same slot (or node): the highest is the current one. */
  readonly generation: number;
  readonly createdAt: Instant;
  readonly desired: DesiredState;
  /** A task that is desired `ready` becomes desired `running` no earlier than this. */
  readonly startAfter?: Instant;
  readonly addresses: readonly TaskAddress[];
  readonly end?: TaskEnd;
  /** When the last restarts of this slot under the same template happened; bounded. */
  readonly restarts: readonly Instant[];
  /** How many restarts there were in all, where a policy without a window counts them. */
  readonly attempts?: number;
  /** It ended, its restart policy wants no replacement, and it still stands for its slot. */
  readonly spent?: boolean;
  /** Its successor exists already and is getting ready to take its place. */
  readonly outgoing?: boolean;
  /** The service's placement was changed and no longer allows its node: the update moves it. */
  readonly misplaced?: boolean;
  /** It serves, has to leave its node, and waits for its turn to be moved. */
  readonly evicted?: boolean;
  readonly move?: TaskMove;
  /** Why it is no longer wanted; set together with desired `shutdown` or `removed`. */
  readonly retirement?: Reason;
  /**
   * Made by an update. `starting`: the update waits for it. `started`: it ran for the update's
   * delay. `failed`: it was counted as a failure.
   */
  readonly rollout?: 'starting' | 'started' | 'failed';
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
  /** Of a task that is `running`: it has ended, and what the task ended as is not known yet. */
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
