import { setTimeout as sleep } from 'node:timers/promises';
import { type EtcdClient, etcdError } from './etcd-client.ts';
import {
  decodeMembers,
  type EtcdMember,
  encodeMemberAdd,
  encodeMemberId,
  encodeMemberUpdate,
} from './etcd-member-messages.ts';

const retryMs = 50;
const service = 'etcdserverpb.Cluster';

/**
 * The members of etcd. Whether a change may be made is decided before (`leadership/quorum.ts`);
 * each is done at most once, also where an answer got lost, because it is looked up then.
 */
export class EtcdMembers {
  readonly #client: EtcdClient;

  constructor(client: EtcdClient) {
    this.#client = client;
  }

  /** @throws TuttiError. */
  async list(): Promise<readonly EtcdMember[]> {
    const message = Buffer.alloc(0);
    return decodeMembers(await this.#client.ask(`${service}/MemberList`, { message }), 2);
  }

  /** The new member does not vote yet. @throws TuttiError. */
  async addLearner(peerUrl: string): Promise<EtcdMember> {
    return await this.#change(`${service}/MemberAdd`, {
      message: encodeMemberAdd([peerUrl]),
      find: (members) => members.find(({ peerUrls }) => peerUrls.includes(peerUrl)),
    });
  }

  /**
   * Waits until the learner knows what the others know. @throws TuttiError when it takes longer.
   */
  async giveVote(id: string, { limitMs }: { readonly limitMs: number }): Promise<EtcdMember> {
    const until = performance.now() + limitMs;
    for (;;) {
      try {
        return await this.#change(`${service}/MemberPromote`, {
          message: encodeMemberId(id),
          find: (members) => members.find((member) => member.id === id && !member.isLearner),
        });
      } catch (reason) {
        if (performance.now() > until) throw reason;
        await sleep(retryMs);
      }
    }
  }

  /** @throws TuttiError. */
  async remove(id: string): Promise<void> {
    await this.#change(`${service}/MemberRemove`, {
      message: encodeMemberId(id),
      find: (members) => (members.some((member) => member.id === id) ? undefined : id),
    });
  }

  /** After a manager's address changed. @throws TuttiError. */
  async move(id: string, peerUrl: string): Promise<void> {
    await this.#change(`${service}/MemberUpdate`, {
      message: encodeMemberUpdate(id, [peerUrl]),
      find: (members) =>
        members.find((member) => member.id === id && member.peerUrls.includes(peerUrl)),
    });
  }

  /** Has etcd's own lead go to that member: writes are then quickest beside it. Never throws. */
  async lead(id: string): Promise<boolean> {
    const outcome = await this.#client.call('etcdserverpb.Maintenance/MoveLeader', {
      message: encodeMemberId(id),
      limitMs: 1_000,
    });
    return outcome.kind === 'reply';
  }

  /** What is found afterwards counts, not what was answered. */
  async #change<T>(
    method: string,
    {
      message,
      find,
    }: {
      readonly message: Buffer;
      readonly find: (members: readonly EtcdMember[]) => T | undefined;
    },
  ): Promise<T> {
    const outcome = await this.#client.call(method, { message });
    const found = find(await this.list());
    if (found !== undefined) return found;
    if (outcome.kind !== 'reply') throw etcdError(outcome);
    return await this.#change(method, { message, find });
  }
}
