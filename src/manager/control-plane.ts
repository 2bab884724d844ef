import type { Cluster, ClusterSpec } from '../model/cluster.ts';
import type { Instant } from '../model/instant.ts';
import type { LogFrame, LogQuery } from '../model/log.ts';
import type { Network, NetworkSpec } from '../model/network.ts';
import type { ExaminationStep } from '../model/network-examination.ts';
import type { Node, NodeSpec } from '../model/node.ts';
import type { Observed } from '../model/observed.ts';
import type { Reason } from '../model/reason.ts';
import type { RebalancePlan, RebalanceReport } from '../model/rebalance.ts';
import type { Config, DataSpec, Secret } from '../model/secret.ts';
import type { Service, ServiceDeclaration } from '../model/service.ts';
import type { PlannedTask, StackChange, StackDeclaration } from '../model/stack.ts';
import type { ObservedTask, Task } from '../model/task.ts';
import type { TaskState } from '../model/task-state.ts';
import type { Managers } from '../host/managers.ts';
import type { Commit, View } from '../store/view.ts';

/** A task as the cluster sees it: row and observation joined. */
export interface TaskStatus {
  readonly task: Task;
  readonly state: TaskState;
  readonly since: Instant;
  /** Present whenever the state is not `running`. */
  readonly reason?: Reason;
  readonly observed?: ObservedTask;
}

export interface InitCluster {
  /** `192.0.2.1`, or with a port that is not the usual one. */
  readonly advertiseAddress: string;
  /** `0.0.0.0:2377`, which it is where nothing was asked for. */
  readonly listenAddress?: string;
  readonly defaultAddressPools: readonly string[];
  readonly subnetPrefixLength: number;
  readonly dataPathPort: number;
  readonly spec: ClusterSpec;
  readonly availability: NodeSpec['availability'];
  readonly forceNewCluster: boolean;
}

export interface UpdateOptions {
  /** The version that was read; a different one is refused with `conflict`. */
  readonly version: number;
  /** Take the declaration before the current one instead of the given one. */
  readonly rollback?: boolean;
  readonly registryAuthFrom?: 'spec' | 'previous-spec';
}

export interface TaskLogFrame {
  readonly task: Task;
  readonly frame: LogFrame;
}

/**
 * Everything that dialects may do with a cluster: read what is durable and what is observed, and
 * write through admission. Every write resolves when it is durable and throws a TuttiError when it
 * is refused, in which case nothing has changed.
 */
export interface ControlPlane {
  readonly view: View;
  readonly observed: Observed;
  /** This node's id in the cluster, once there is one. */
  readonly nodeId: string | undefined;
  readonly managers: Managers;
  now(): Instant;
  cluster(): Cluster | undefined;
  taskStatus(task: Task): TaskStatus;
  /** Called after each durable commit, until the returned function is called. */
  onCommit(listener: (commit: Commit) => void): () => void;
  /** Called when what agents observe of a task changed. */
  onObserved(listener: (taskId: string) => void): () => void;

  initCluster(request: InitCluster): Promise<{ readonly nodeId: string }>;
  leaveCluster(options: { readonly force: boolean }): Promise<void>;
  updateCluster(
    spec: ClusterSpec,
    options: {
      readonly version: number;
      readonly rotateWorkerToken: boolean;
      readonly rotateManagerToken: boolean;
      /** Of locked managers; nothing where they are not locked. */
      readonly rotateUnlockKey?: boolean;
    },
  ): Promise<void>;

  createService(declaration: ServiceDeclaration): Promise<Service>;
  updateService(
    serviceId: string,
    declaration: ServiceDeclaration | undefined,
    options: UpdateOptions,
  ): Promise<Service>;
  removeService(serviceId: string): Promise<void>;

  createNetwork(spec: NetworkSpec): Promise<Network>;
  removeNetwork(networkId: string): Promise<void>;

  createSecret(spec: DataSpec, data: string): Promise<Secret>;
  updateSecret(secretId: string, spec: DataSpec, version: number): Promise<void>;
  removeSecret(secretId: string): Promise<void>;
  createConfig(spec: DataSpec, data: string): Promise<Config>;
  updateConfig(configId: string, spec: DataSpec, version: number): Promise<void>;
  removeConfig(configId: string): Promise<void>;

  updateNode(nodeId: string, spec: NodeSpec, version: number): Promise<Node>;
  removeNode(nodeId: string, options: { readonly force: boolean }): Promise<void>;

  /** What a rebalance of these services would do now; none named: of all. Changes nothing. */
  planRebalance(serviceIds: readonly string[]): RebalancePlan;
  /**
   * Begins it, or has services join the one under way; where no task is to be moved it changes
   * nothing. Returns what is planned at this moment: what happens meanwhile may change that.
   */
  startRebalance(serviceIds: readonly string[]): Promise<RebalancePlan>;
  /** Ends it; returns the names of the services that were not done. */
  stopRebalance(): Promise<readonly string[]>;
  rebalance(): RebalanceReport;

  /**
   * Has all nodes look at their networks at the same time; the last step is what they saw. One look
   * at a time: a second one throws `conflict`.
   */
  examineNetwork(signal: AbortSignal): AsyncIterable<ExaminationStep>;

  /** Lines of the given tasks, each task's in order; with `follow`, until the signal. */
  logs(
    taskIds: readonly string[],
    options: { readonly query: LogQuery; readonly signal: AbortSignal },
  ): AsyncIterable<TaskLogFrame>;

  /**
   * Brings the whole declaration into the store in one transaction; resolves when it is durable.
   */
  deployStack(
    declaration: StackDeclaration,
    options: { readonly prune: boolean },
  ): Promise<readonly StackChange[]>;
  /** What `deployStack` would change and where new tasks would go; changes nothing. */
  planStack(
    declaration: StackDeclaration,
    options: { readonly prune: boolean },
  ): Promise<{
    readonly changes: readonly StackChange[];
    readonly tasks: readonly PlannedTask[];
  }>;
  /**
   * Removes services, secrets, configs and networks of a stack; they go once their tasks are gone.
   */
  removeStack(name: string): Promise<readonly StackChange[]>;
}
