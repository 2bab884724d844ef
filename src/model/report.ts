import type { Instant } from './instant.ts';
import type { NodeAvailability, NodeRole, NodeState } from './node.ts';
import type { Reason } from './reason.ts';
import type { PublishedPort, ServiceMode, UpdateStatus } from './service.ts';
import type { DesiredState, TaskState } from './task-state.ts';

/** What Tutti's own API says of a task. */
export interface TaskReport {
  readonly id: string;
  /** `<service>.<slot>`, or `<service>.<node>` for global services. */
  readonly name: string;
  readonly service: string;
  readonly slot: number;
  readonly image: string;
  readonly nodeId?: string;
  readonly nodeName?: string;
  readonly desired: DesiredState;
  readonly state: TaskState;
  readonly since: Instant;
  readonly reason?: Reason;
  /** True for a task of the template that the service has now. */
  readonly current: boolean;
}

export interface ServiceReport {
  readonly id: string;
  readonly name: string;
  readonly mode: ServiceMode['kind'];
  readonly image: string;
  /** Tasks that should run; for jobs, completions. */
  readonly wanted: number;
  /** Of them, those that run and are of the current template. */
  readonly running: number;
  /** Completions of a job; else slots whose task ended well and is not to be restarted. */
  readonly completed: number;
  /** Every wanted task runs or is through, no other runs, and no update is under way. */
  readonly converged: boolean;
  readonly ports: readonly PublishedPort[];
  readonly update?: UpdateStatus;
  readonly removing: boolean;
}

export interface StackReport {
  readonly name: string;
  readonly services: readonly ServiceReport[];
  /** Tasks that are wanted or still stopping; not the history. */
  readonly tasks: readonly TaskReport[];
  readonly networks: readonly string[];
  readonly secrets: readonly string[];
  readonly configs: readonly string[];
  readonly converged: boolean;
}

export interface NodeReport {
  readonly id: string;
  readonly hostname: string;
  readonly address: string;
  readonly role: NodeRole;
  readonly availability: NodeAvailability;
  readonly state: NodeState;
  readonly tasks: number;
}

export interface StatusReport {
  readonly clusterId?: string;
  readonly revision: number;
  readonly nodes: readonly NodeReport[];
  readonly stacks: readonly string[];
  readonly services: number;
  readonly runningTasks: number;
  readonly wantedTasks: number;
  /** Tasks that should run and do not. */
  readonly problems: readonly TaskReport[];
}

/** Why something is as it is, in sentences from the general to the particular. */
export interface Explanation {
  readonly subject: string;
  readonly lines: readonly string[];
  readonly hint?: string;
}
