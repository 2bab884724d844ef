import type { AgentDisk } from '../host/agent-disk.ts';
import type { Clock } from '../host/clock.ts';
import type { ContainerRuntime } from '../host/container-runtime.ts';
import type { FenceGuard } from '../host/fence-guard.ts';
import type { LifeTransport } from '../host/life.ts';
import type { Logger } from '../host/logger.ts';
import type { NodeNetwork } from '../host/node-network.ts';
import type { Random } from '../host/random.ts';
import type { TaskFiles } from '../host/task-files.ts';
import type { AgentTransport } from '../host/transport.ts';
import type { KnownManager } from '../model/known-manager.ts';
import type { NodeDescription } from '../model/node.ts';

/** What an agent works with. */
export interface AgentOptions {
  readonly clock: Clock;
  /** For leases: never slower than time and never back. Absent: `clock`. */
  readonly leaseClock?: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly runtime: ContainerRuntime;
  readonly network: NodeNetwork;
  readonly files: TaskFiles;
  readonly disk: AgentDisk;
  readonly transport: AgentTransport;
  /** The id of a node that is in a cluster and whose agent remembers nothing. */
  readonly nodeId?: string;
  /** Everything of the cluster is gone from here, and so is the membership. */
  forgetMembership?(): Promise<void>;
  /** A manager wants the node's certificate replaced. */
  renewCertificate?(delayMs: number): void;
  /** Where the managers are now. */
  noteManagers?(managers: readonly KnownManager[]): Promise<void>;
  /** Stops fenced tasks where this agent does not. Absent: nobody does. */
  readonly fenceGuard?: FenceGuard;
  /** Absent: the session alone says that the node lives. */
  readonly life?: LifeTransport;
  /** Whether the daemon ends because its machine goes down; absent: it never does. */
  isMachineStopping?(): Promise<boolean>;
  /** What this machine is. */
  describe(signal: AbortSignal): Promise<NodeDescription>;
}
