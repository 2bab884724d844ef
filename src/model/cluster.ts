import type { Instant } from './instant.ts';
import type { Labels } from './labels.ts';

/** The settings of a cluster that the docker CLI shows and changes (`docker swarm update`). */
export interface ClusterSpec {
  readonly name: string;
  readonly labels: Labels;
  /** Tasks kept for each slot, the current one among them, as Swarm counts; negative: all. */
  readonly taskHistoryLimit: number;
  readonly heartbeatPeriodMs: number;
  readonly snapshotInterval: number;
  readonly keepOldSnapshots: number;
  readonly logEntriesForSlowFollowers: number;
  readonly electionTick: number;
  readonly heartbeatTick: number;
  readonly certificateExpiryMs: number;
  readonly autoLockManagers: boolean;
  /** Counts the rotations of the authority that were asked for (`docker swarm ca --rotate`). */
  readonly forceRotate?: number;
  readonly defaultLogDriver?: {
    readonly name: string;
    readonly options: Readonly<Record<string, string>>;
  };
}

/** Swarm's defaults (swarmkit manager/manager.go). */
export const clusterDefaults: ClusterSpec = {
  name: 'default',
  labels: {},
  taskHistoryLimit: 5,
  heartbeatPeriodMs: 5_000,
  snapshotInterval: 10_000,
  keepOldSnapshots: 0,
  logEntriesForSlowFollowers: 500,
  electionTick: 10,
  heartbeatTick: 1,
  certificateExpiryMs: 90 * 24 * 3_600_000,
  autoLockManagers: false,
};

/** The one cluster row; there is none before `swarm init` and after `swarm leave`. */
export interface Cluster {
  readonly id: string;
  /** Store revision of the last change of what a person declared; guards read-modify-write. */
  readonly version: number;
  readonly createdAt: Instant;
  readonly updatedAt: Instant;
  readonly spec: ClusterSpec;
  /** Where others reach the first manager: `192.0.2.1`, or `192.0.2.1:4000`. */
  readonly advertiseAddress: string;
  /** Where managers listen: `0.0.0.0:2377`, which it is where nothing was asked for. */
  readonly listenAddress?: string;
  readonly defaultAddressPools: readonly string[];
  readonly subnetPrefixLength: number;
  readonly dataPathPort: number;
  /**
   * Of packets that pass whole between all nodes; absent: nothing less was found than links say.
   */
  readonly passedMtu?: number;
  /** Opens managers that are locked; absent where they are not. */
  readonly unlockKey?: string;
  readonly joinTokens: { readonly worker: string; readonly manager: string };
}
