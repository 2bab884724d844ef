import type { Clock } from '../host/clock.ts';
import type { Logger } from '../host/logger.ts';
import { TuttiError } from '../lib/error.ts';
import type { Instant } from '../model/instant.ts';
import type { EtcdClient } from './etcd-client.ts';
import {
  decodeAlarms,
  decodeStatus,
  type EtcdStatus,
  encodeAlarmOff,
  encodeAlarmsGet,
} from './etcd-member-messages.ts';

const everyMs = 20_000;
/** Followers that fell behind by less than this catch up by their watch. */
const keepMs = 60_000;
/** The whole file is written anew. */
const defragmentLimitMs = 120_000;

export interface EtcdUpkeepOptions {
  /** Of this manager's own member. */
  readonly client: EtcdClient;
  readonly clock: Clock;
  readonly logger: Logger;
  /** One manager forgets history for all: the holder of the epoch. */
  readonly isHolder: () => boolean;
}

interface Mark {
  readonly at: Instant;
  readonly etcdRevision: number;
}

/**
 * Keeps etcd's file small: history of more than a minute is forgotten, and where the file reached
 * its limit all the same, it is written anew and writes are allowed again.
 */
export class EtcdUpkeep {
  readonly #options: EtcdUpkeepOptions;
  /** Oldest first. */
  #marks: readonly Mark[] = [];

  constructor(options: EtcdUpkeepOptions) {
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#options;
    while (!signal.aborted) {
      try {
        await this.turn();
      } catch (reason) {
        const { message } = TuttiError.from(reason);
        logger.warn('etcd could not be looked after', { error: message });
      }
      await clock.sleep(everyMs, signal).catch(() => undefined);
    }
  }

  /** One look. @throws TuttiError. */
  async turn(): Promise<void> {
    if (this.#options.isHolder()) await this.#forgetHistory();
    else this.#marks = [];
    const { memberId } = await this.#status();
    const alarms = decodeAlarms(
      await this.#options.client.ask('etcdserverpb.Maintenance/Alarm', {
        message: encodeAlarmsGet(),
      }),
    );
    for (const { alarm } of alarms.filter((one) => one.memberId === memberId)) {
      if (alarm === 'no-space') await this.#makeRoom(memberId);
      else this.#options.logger.error('etcd found its data damaged', { member: memberId });
    }
  }

  async #forgetHistory(): Promise<void> {
    const { client, clock } = this.#options;
    const now = clock.now();
    const { etcdRevision } = await client.transact({ compares: [], success: [] });
    const target = this.#marks.findLast(({ at }) => at <= now - keepMs);
    this.#marks = [
      ...this.#marks.filter(({ at }) => target === undefined || at > target.at),
      { at: now, etcdRevision },
    ];
    if (target !== undefined) await forget(client, target.etcdRevision);
  }

  /** The file is full: forget all history, write what is left anew, and see whether that helped. */
  async #makeRoom(memberId: string): Promise<void> {
    const { client, logger } = this.#options;
    const { etcdRevision } = await client.transact({ compares: [], success: [] });
    await forget(client, etcdRevision);
    const before = await this.#status();
    await client.ask('etcdserverpb.Maintenance/Defragment', {
      message: Buffer.alloc(0),
      attemptMs: defragmentLimitMs,
      limitMs: defragmentLimitMs,
    });
    const after = await this.#status();
    logger.warn('etcd reached its limit; history was forgotten and the file written anew', {
      beforeBytes: before.fileBytes,
      afterBytes: after.fileBytes,
    });
    // Where nothing was gained, the next write raises the alarm again.
    await client.ask('etcdserverpb.Maintenance/Alarm', {
      message: encodeAlarmOff(memberId, 'no-space'),
    });
  }

  async #status(): Promise<EtcdStatus> {
    const message = Buffer.alloc(0);
    return decodeStatus(
      await this.#options.client.ask('etcdserverpb.Maintenance/Status', { message }),
    );
  }
}

async function forget(client: EtcdClient, etcdRevision: number): Promise<void> {
  try {
    await client.compact(etcdRevision);
  } catch (reason) {
    // Somebody was faster; etcd does the same once an hour by itself.
    if (!/has been compacted/.test(TuttiError.from(reason).message)) throw reason;
  }
}
