import type { z } from 'zod';
import { goFlag, goList, goObject, goStringMap, goText } from './go-json.ts';

/** `POST /networks/create` (moby api/types/network). */
export const networkSchema = goObject(
  {
    Name: goText,
    Driver: goText,
    Scope: goText,
    EnableIPv4: goFlag,
    EnableIPv6: goFlag,
    Internal: goFlag,
    Attachable: goFlag,
    Ingress: goFlag,
    ConfigOnly: goFlag,
    ConfigFrom: goObject({ Network: goText }).optional(),
    IPAM: goObject({
      Driver: goText,
      Options: goStringMap,
      Config: goList(
        goObject({
          Subnet: goText,
          IPRange: goText,
          Gateway: goText,
          AuxiliaryAddresses: goStringMap,
          AuxAddress: goStringMap,
        }),
        16,
      ),
    }).optional(),
    Options: goStringMap,
    Labels: goStringMap,
  },
  // Names are unique here whether it is asked for or not.
  ['CheckDuplicate'],
);

export type NetworkDocument = z.output<typeof networkSchema>;
