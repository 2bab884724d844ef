import type { Clock } from '../host/clock.ts';
import type { Logger } from '../host/logger.ts';
import type { StoreEngine } from '../host/store-engine.ts';
import { TuttiError } from '../lib/error.ts';
import type { DataLayout } from './data-layout.ts';
import { EtcdClient } from './etcd-client.ts';
import { EtcdEngine } from './etcd-engine.ts';
import { type EtcdMemberPlan, etcdClientSocket } from './etcd-flags.ts';
import { EtcdMembers } from './etcd-members.ts';
import { EtcdProcess } from './etcd-process.ts';
import { moveStore } from './store-move.ts';

const startLimitMs = 20_000;
const lookEveryMs = 50;

/** The member outlives this process, and the next one finds it; where the move fails, it goes. */
export async function moveInto(
  plan: EtcdMemberPlan,
  from: {
    readonly layout: DataLayout;
    readonly clock: Clock;
    readonly logger: Logger;
    readonly engine: StoreEngine;
  },
): Promise<void> {
  const { layout, clock, logger, engine } = from;
  const failed = new AbortController();
  const running = new EtcdProcess({ plan, clock, logger }).run(failed.signal);
  const endpoint = { kind: 'socket', path: etcdClientSocket(plan.directory) } as const;
  const client = new EtcdClient({ endpoints: [endpoint] });
  try {
    await untilEtcdAnswers(client, clock);
    const to = new EtcdEngine({ client });
    await moveStore({ from: engine, to, markerPath: layout.storeMarkerPath });
  } catch (error) {
    failed.abort();
    await running;
    throw error;
  } finally {
    client.close();
  }
}

/** Waits for a member that starts. @throws TuttiError `unavailable` where it does not come. */
export async function untilEtcdAnswers(client: EtcdClient, clock: Clock): Promise<void> {
  const giveUpAt = clock.now() + startLimitMs;
  for (;;) {
    try {
      await new EtcdMembers(client).list();
      return;
    } catch (reason) {
      if (clock.now() < giveUpAt) await clock.sleep(lookEveryMs);
      else {
        const { message } = TuttiError.from(reason);
        throw new TuttiError('unavailable', `etcd does not answer: ${message}`, { cause: reason });
      }
    }
  }
}
