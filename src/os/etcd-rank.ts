import type { Clock } from '../host/clock.ts';
import type { EtcdClient } from './etcd-client.ts';
import { decodeStatus } from './etcd-member-messages.ts';

const everyMs = 1_000;
const limitMs = 500;

/**
 * Keeps in mind who should lead first: the manager beside etcd's own leader, whose writes are the
 * quickest; then the others in the order of their ids.
 */
export class EtcdRank {
  readonly #client: EtcdClient;
  readonly #clock: Clock;
  #isBesideLeader = false;

  constructor({ client, clock }: { readonly client: EtcdClient; readonly clock: Clock }) {
    this.#client = client;
    this.#clock = clock;
  }

  /** 0 for the first. */
  rank(nodeId: string, managerIds: readonly string[]): number {
    if (this.#isBesideLeader) return 0;
    return 1 + managerIds.filter((id) => id < nodeId).length;
  }

  async run(signal: AbortSignal): Promise<void> {
    const message = Buffer.alloc(0);
    while (!signal.aborted) {
      const method = 'etcdserverpb.Maintenance/Status';
      const outcome = await this.#client.call(method, { message, limitMs });
      if (outcome.kind === 'reply') {
        const { memberId, leaderId } = decodeStatus(outcome.message);
        this.#isBesideLeader = memberId === leaderId;
      } else this.#isBesideLeader = false;
      await this.#clock.sleep(everyMs, signal).catch(() => undefined);
    }
  }
}
