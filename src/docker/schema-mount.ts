import { z } from 'zod';
import { goEnum, goFlag, goInteger, goObject, goStringMap, goText, goUnsigned } from './go-json.ts';

const driver = goObject({ Name: goText, Options: goStringMap });

/** moby api/types/mount. `Consistency` only meant something to Docker Desktop. */
export const mountSchema = goObject(
  {
    Type: goEnum(['bind', 'volume', 'tmpfs', 'npipe', 'cluster', 'image']),
    Source: goText,
    Target: goText,
    ReadOnly: goFlag,
    BindOptions: goObject({
      Propagation: goEnum(['private', 'rprivate', 'shared', 'rshared', 'slave', 'rslave']),
      NonRecursive: goFlag,
      CreateMountpoint: goFlag,
      ReadOnlyNonRecursive: goFlag,
      ReadOnlyForceRecursive: goFlag,
    }).optional(),
    VolumeOptions: goObject({
      NoCopy: goFlag,
      Labels: goStringMap,
      Subpath: goText,
      DriverConfig: driver.optional(),
    }).optional(),
    TmpfsOptions: goObject({
      SizeBytes: goInteger,
      Mode: goUnsigned,
      Options: z.array(z.array(z.string())).optional(),
    }).optional(),
    ImageOptions: goObject({ Subpath: goText }).optional(),
    ClusterOptions: goObject({}).optional(),
  },
  ['Consistency'],
);

export type MountDocument = z.output<typeof mountSchema>;
