import type { Instant } from './instant.ts';
import type { Labels } from './labels.ts';
import type { NodeAvailability, NodeDescription, NodeRole, NodeState } from './node.ts';
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
  /** Restarts of its slot under the same template, as far back as they are kept. */
  readonly restarts: number;
  /** How the task before it in its slot failed, where that was of the same template. */
  readonly failure?: TaskFailure;
  /** It ended, is not restarted, and still stands for its slot. */
  readonly spent?: boolean;
}

/** The bad end of a task. */
export interface TaskFailure {
  readonly taskId: string;
  readonly at: Instant;
  readonly reason: Reason;
  readonly exitCode?: number;
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
  /** Published ports that a node does not serve, in sentences. */
  readonly portProblems?: readonly string[];
  readonly update?: UpdateStatus;
  readonly removing: boolean;
}

export interface StackReport {
  readonly name: string;
  readonly services: readonly ServiceReport[];
  /** Tasks that are wanted, still stopping, or through and standing for their slot. */
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
  /** Of Tutti on it, as its agent said last; absent: it has not said it. */
  readonly version?: string;
  /** What a person has to decide about it, in a sentence. */
  readonly held?: string;
}

/** A node with what runs on it. */
export interface NodeInspection extends NodeReport {
  readonly labels: Labels;
  readonly description: NodeDescription;
  /** Those that are not over. */
  readonly onIt: readonly TaskReport[];
}

/** A task that is still on a node that is drained. */
export interface DrainingTask {
  readonly id: string;
  /** As in `TaskReport`. */
  readonly name: string;
  /** It waits for its turn, has a successor that gets ready, or was told to stop. */
  readonly step: 'waits' | 'moves' | 'stops';
  /** One sentence. */
  readonly why: string;
  readonly hint?: string;
}

/** How far a node is on its way to be empty. */
export interface DrainReport {
  readonly node: NodeReport;
  readonly left: readonly DrainingTask[];
  /** Tasks that the node gave up and for which there is no place. */
  readonly waiting: readonly TaskReport[];
  /** Services with a task for each node, whose tasks here stopped. */
  readonly stopped: readonly string[];
  /** What a person should know of the node before it is switched off, in sentences. */
  readonly notes: readonly string[];
}

export interface StatusReport {
  readonly clusterId?: string;
  readonly revision: number;
  readonly nodes: readonly NodeReport[];
  readonly stacks: readonly string[];
  readonly services: number;
  readonly runningTasks: number;
  /** Tasks that came to a good end and are not to be restarted, and completions of jobs. */
  readonly completedTasks: number;
  readonly wantedTasks: number;
  /** Tasks that should run and do not, or failed for good. */
  readonly problems: readonly TaskReport[];
  /** Published ports that a node does not serve, in sentences. */
  readonly portProblems: readonly string[];
  /** Services whose update stopped half way or was taken back. */
  readonly stalledUpdates: readonly StalledUpdate[];
}

export interface StalledUpdate {
  readonly service: string;
  readonly update: UpdateStatus;
}

/** Why something is as it is, in sentences from the general to the particular. */
export interface Explanation {
  readonly subject: string;
  readonly lines: readonly string[];
  readonly hint?: string;
}
