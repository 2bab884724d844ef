import type { Cluster, ClusterSpec } from '../model/cluster.ts';
import type { Root } from '../model/root.ts';
import { goTime, toNanoseconds } from './go-time.ts';
import { isRootRotating, showTls } from './lens-tls.ts';
import { unlessEmpty, unlessZero } from './omit-empty.ts';

const defaultAddressPool = '10.0.0.0/8';

/** The cluster as `GET /swarm` and `/info` show it (moby api/types/swarm/swarm.go). */
export function showCluster(cluster: Cluster, roots: readonly Root[]): object {
  return {
    ID: cluster.id,
    Version: { Index: cluster.version },
    CreatedAt: goTime(cluster.createdAt),
    UpdatedAt: goTime(cluster.updatedAt),
    Spec: showClusterSpec(cluster.spec),
    TLSInfo: showTls(roots),
    RootRotationInProgress: isRootRotating(roots),
    DefaultAddrPool: isDefaultPool(cluster) ? null : cluster.defaultAddressPools,
    SubnetSize: cluster.subnetPrefixLength,
    DataPathPort: cluster.dataPathPort,
  };
}

/** Swarm shows the pools only of those who chose some. */
function isDefaultPool({ defaultAddressPools: pools }: Cluster): boolean {
  return pools.length === 0 || (pools.length === 1 && pools[0] === defaultAddressPool);
}

export function showClusterWithTokens(cluster: Cluster, roots: readonly Root[]): object {
  const { worker, manager } = cluster.joinTokens;
  return { ...showCluster(cluster, roots), JoinTokens: { Worker: worker, Manager: manager } };
}

function showClusterSpec(spec: ClusterSpec): object {
  return {
    Name: spec.name,
    Labels: spec.labels,
    Orchestration: { TaskHistoryRetentionLimit: spec.taskHistoryLimit },
    Raft: {
      SnapshotInterval: spec.snapshotInterval,
      KeepOldSnapshots: spec.keepOldSnapshots,
      LogEntriesForSlowFollowers: spec.logEntriesForSlowFollowers,
      ElectionTick: spec.electionTick,
      HeartbeatTick: spec.heartbeatTick,
    },
    Dispatcher: { HeartbeatPeriod: toNanoseconds(spec.heartbeatPeriodMs) },
    CAConfig: {
      NodeCertExpiry: toNanoseconds(spec.certificateExpiryMs),
      ForceRotate: unlessZero(spec.forceRotate ?? 0),
    },
    TaskDefaults: {
      LogDriver:
        spec.defaultLogDriver === undefined
          ? undefined
          : {
              Name: spec.defaultLogDriver.name,
              Options: unlessEmpty(spec.defaultLogDriver.options),
            },
    },
    EncryptionConfig: { AutoLockManagers: spec.autoLockManagers },
  };
}
