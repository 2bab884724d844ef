import { readFile } from 'node:fs/promises';
import { TuttiError } from '../lib/error.ts';
import type { RecoveryOrder } from '../model/recovery.ts';
import type { EtcdMemberPlan } from './etcd-flags.ts';
import { replaceFile } from './replace-file.ts';

/** What a manager on etcd has to know before it can read its store. */
export interface SeatFile {
  readonly nodeId: string;
  readonly clusterId: string;
  /** Of the cluster port: `0.0.0.0:2377`. */
  readonly listenAddress: string;
  readonly etcd: EtcdMemberPlan;
  /** The next start goes on without the other managers; see docs/design/recovery.md. */
  readonly recovery?: RecoveryOrder;
}

/** @throws TuttiError `failed-precondition` where it is not there or damaged. */
export async function readSeat(path: string): Promise<SeatFile> {
  try {
    const seat = JSON.parse(await readFile(path, 'utf8')) as Partial<SeatFile>;
    const { nodeId, clusterId, listenAddress, etcd, recovery } = seat;
    if (nodeId !== undefined && clusterId !== undefined && etcd !== undefined) {
      if (listenAddress !== undefined) {
        return {
          nodeId,
          clusterId,
          listenAddress,
          etcd,
          ...(recovery !== undefined && { recovery }),
        };
      }
    }
    throw new Error('it is not whole');
  } catch (cause) {
    const { message } = TuttiError.from(cause);
    throw new TuttiError('failed-precondition', `${path} cannot be read: ${message}`, {
      hint: 'Bring it back from a backup, or remove this manager and let it join anew.',
      cause,
    });
  }
}

/** Durable before it resolves. */
export async function writeSeat(path: string, seat: SeatFile): Promise<void> {
  await replaceFile(path, `${JSON.stringify(seat)}\n`);
}
