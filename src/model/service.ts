import type { Instant } from './instant.ts';
import type { Labels } from './labels.ts';
import type { RebalanceStatus } from './rebalance.ts';
import type { TaskTemplateSpec } from './template.ts';

export type ServiceMode =
  | { readonly kind: 'replicated'; readonly replicas: number }
  | { readonly kind: 'global' }
  | {
      readonly kind: 'replicated-job';
      readonly maxConcurrent: number;
      readonly totalCompletions: number;
    }
  | { readonly kind: 'global-job' };

export type UpdateOrder = 'stop-first' | 'start-first';
export type FailureAction = 'pause' | 'continue' | 'rollback';

/** How an update or a rollback proceeds. Absent settings have the defaults of `updateDefaults`. */
export interface UpdateSettings {
  /** Slots replaced at the same time; 0 is all of them. */
  readonly parallelism?: number;
  /** Pause after each batch. */
  readonly delayMs?: number;
  readonly failureAction?: FailureAction;
  /** How long a new task is watched for failure after it started. */
  readonly monitorMs?: number;
  /** Failures tolerated, as a fraction of the slots updated (0 … 1). */
  readonly maxFailureRatio?: number;
  readonly order?: UpdateOrder;
}

/** Swarm's defaults (swarmkit api/defaults/service.go). */
export const updateDefaults = {
  parallelism: 1,
  delayMs: 0,
  failureAction: 'pause',
  monitorMs: 5_000,
  maxFailureRatio: 0,
  order: 'stop-first',
} as const satisfies Required<UpdateSettings>;

export interface PublishedPort {
  readonly name?: string;
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  readonly targetPort: number;
  /**
   * Absent or 0: chosen by the allocator (30000–32767) for ingress, by the node of
   * each task for host mode.
   */
  readonly publishedPort?: number;
  readonly mode: 'ingress' | 'host';
}

export type EndpointMode = 'vip' | 'dnsrr';

export interface SpreadPreference {
  /** `node.labels.<key>` or `engine.labels.<key>`. */
  readonly spread: string;
}

export interface Platform {
  readonly os?: string;
  readonly architecture?: string;
}

/** Where tasks may run. A change of it alone restarts no task that still fits. */
export interface Placement {
  /** Expressions such as `node.role==manager`; all must hold. */
  readonly constraints: readonly string[];
  readonly preferences: readonly SpreadPreference[];
  /** 0 is no limit. */
  readonly maxReplicasPerNode: number;
  readonly platforms: readonly Platform[];
}

export type DependencyCondition = 'started' | 'healthy' | 'completed-successfully';

/** Gates the first start of this service's tasks on another service of the same stack. */
export interface ServiceDependency {
  /** Full name of the other service. */
  readonly service: string;
  readonly condition: DependencyCondition;
  /** False: a dependency that does not exist is ignored. */
  readonly required: boolean;
}

/** What a person declares. The task template lives beside it, in a row of its own. */
export interface ServiceSpec {
  readonly name: string;
  readonly labels: Labels;
  readonly mode: ServiceMode;
  readonly update?: UpdateSettings;
  readonly rollback?: UpdateSettings;
  readonly endpointMode: EndpointMode;
  readonly ports: readonly PublishedPort[];
  readonly placement: Placement;
  readonly dependsOn: readonly ServiceDependency[];
}

/** A whole declaration, as dialects compile it and admission judges it. */
export interface ServiceDeclaration {
  readonly spec: ServiceSpec;
  readonly template: TaskTemplateSpec;
  /**
   * The `X-Registry-Auth` value to pull with; never shown again. Absent on an update: kept as it
   * was.
   */
  readonly registryAuth?: string;
}

/** One VIP for each network of a service whose endpoint mode is `vip`. */
export interface VirtualAddress {
  readonly networkId: string;
  /** With its prefix length: `10.0.1.2/24`. */
  readonly address: string;
}

export type UpdateState =
  | 'updating'
  | 'paused'
  | 'completed'
  | 'rollback_started'
  | 'rollback_paused'
  | 'rollback_completed';

export interface UpdateStatus {
  readonly state: UpdateState;
  readonly startedAt: Instant;
  readonly completedAt?: Instant;
  readonly message: string;
  /** What the service does without, although it is declared: a port that another one took. */
  readonly lacks?: string;
  /** Tasks of this update that failed within their monitor window; written with the end itself. */
  readonly failures: number;
  /** Slots that were to be replaced when it began. */
  readonly slots: number;
  /** Tasks that it started are watched for failures until then. */
  readonly watchUntil?: Instant;
}

export interface JobStatus {
  readonly iteration: number;
  /** Completions of this iteration, counted in the transaction of each end. */
  readonly completions: number;
  readonly lastExecutedAt: Instant;
}

/** A service row. */
export interface Service {
  readonly id: string;
  /** Store revision of the last change of what a person declared; guards read-modify-write. */
  readonly version: number;
  readonly createdAt: Instant;
  readonly updatedAt: Instant;
  readonly spec: ServiceSpec;
  readonly templateId: string;
  readonly previous?: { readonly spec: ServiceSpec; readonly templateId: string };
  readonly registryAuth?: string;
  readonly virtualAddresses: readonly VirtualAddress[];
  /** `spec.ports` with every port chosen. */
  readonly publishedPorts: readonly PublishedPort[];
  readonly update?: UpdateStatus;
  readonly job?: JobStatus;
  /** The last one that a person asked for, or the one under way. */
  readonly rebalance?: RebalanceStatus;
  /** Names of dependencies that were met once; from then on they gate nothing. */
  readonly dependenciesMet: readonly string[];
  /** Set when a person removed it: its tasks are stopped, then the row goes. */
  readonly removing?: boolean;
}
