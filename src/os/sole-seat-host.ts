import { createPublicKey } from 'node:crypto';
import { rm } from 'node:fs/promises';
import type { Clock } from '../host/clock.ts';
import type { Logger } from '../host/logger.ts';
import type { NextLife } from '../host/next-life.ts';
import type { SeatHost } from '../host/seat-host.ts';
import { NodeIdentityFile } from './certificates-files.ts';
import { keyDigestOf } from './certificates-read.ts';
import type { SealingKey } from './certificates-seal.ts';
import type { DataLayout } from './data-layout.ts';
import { stopLivingEtcd } from './etcd-process.ts';
import { MachineSeat } from './machine-seat.ts';

export interface SoleSeatHostOptions {
  readonly layout: DataLayout;
  readonly sealing: SealingKey;
  readonly nextLife: NextLife;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What the machine of a manager on SQLite does when another manager is to be beside it. */
export function soleSeatHost(options: SoleSeatHostOptions): SeatHost {
  const { layout, sealing, nextLife, logger } = options;
  const machine = new MachineSeat(layout);
  return {
    members: undefined,
    obstacle: async () => await machine.obstacle(),
    sealingKey: async () => (await sealing.material()).toString('base64'),
    keep: async (identity) => {
      await new NodeIdentityFile(layout.identityPath).save(identity);
      await machine.writePeerFiles(identity);
      return keyDigestOf({ publicKey: createPublicKey(identity.key) });
    },
    moveStore: async (to) =>
      await nextLife.begin(async (engine) => {
        const { nodeId, seat } = to;
        await stopLivingEtcd(layout.etcdDirectory);
        await rm(layout.etcdDirectory, { recursive: true, force: true, maxRetries: 10 });
        const firstMembers = [{ name: nodeId, peerUrl: seat.peerUrl }];
        const first = { firstMembers, start: 'found' } as const;
        const plan = await machine.writePlan({ ...to, first });
        // Nothing of etcd is loaded before there is any.
        const { moveInto } = await import('./move-to-etcd.ts');
        await moveInto(plan, { ...options, engine });
        logger.info('the store is on etcd');
      }),
  };
}
