import { z } from 'zod';
import {
  goDuration,
  goEnum,
  goFlag,
  goInteger,
  goList,
  goObject,
  goStringMap,
  goStrings,
  goText,
  goUnsigned,
} from './go-json.ts';

/** The cluster's settings (moby api/types/swarm/swarm.go). */
const swarmShape = {
  Name: goText,
  Labels: goStringMap,
  Orchestration: goObject({ TaskHistoryRetentionLimit: goInteger }).optional(),
  Raft: goObject({
    SnapshotInterval: goUnsigned,
    KeepOldSnapshots: goUnsigned,
    LogEntriesForSlowFollowers: goUnsigned,
    ElectionTick: goUnsigned,
    HeartbeatTick: goUnsigned,
  }).optional(),
  Dispatcher: goObject({ HeartbeatPeriod: goDuration }).optional(),
  CAConfig: goObject({
    NodeCertExpiry: goDuration,
    ExternalCAs: goList(
      goObject({ Protocol: goText, URL: goText, Options: goStringMap, CACert: goText }),
    ),
    SigningCACert: goText,
    SigningCAKey: goText,
    ForceRotate: goUnsigned,
  }).optional(),
  TaskDefaults: goObject({
    LogDriver: goObject({ Name: goText, Options: goStringMap }).optional(),
  }).optional(),
  EncryptionConfig: goObject({ AutoLockManagers: goFlag }).optional(),
};

export const swarmSchema = goObject(swarmShape);

export type SwarmDocument = z.output<typeof swarmSchema>;

export const initSchema = goObject({
  ListenAddr: goText,
  AdvertiseAddr: goText,
  DataPathAddr: goText,
  DataPathPort: z.int().min(0).max(65_535).optional(),
  ForceNewCluster: goFlag,
  Spec: goObject(swarmShape).optional(),
  AutoLockManagers: goFlag,
  Availability: goEnum(['active', 'pause', 'drain']),
  DefaultAddrPool: goStrings,
  SubnetSize: z.int().min(0).max(32).optional(),
});

export const unlockSchema = goObject({ UnlockKey: goText });

export const joinSchema = goObject({
  ListenAddr: goText,
  AdvertiseAddr: goText,
  DataPathAddr: goText,
  RemoteAddrs: goStrings,
  JoinToken: goText,
  Availability: goEnum(['active', 'pause', 'drain']),
});

export type InitDocument = z.output<typeof initSchema>;
