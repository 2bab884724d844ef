import type { SeatHost, StoreMembers } from '../host/seat-host.ts';
import { TuttiError } from '../lib/error.ts';
import type { SealingKey } from './certificates-seal.ts';
import type { EtcdClient } from './etcd-client.ts';
import { EtcdMembers } from './etcd-members.ts';

/** What the machine of a manager on etcd does when managers come and go. */
export function etcdSeatHost(from: {
  readonly client: EtcdClient;
  readonly sealing: SealingKey;
}): SeatHost {
  const { client, sealing } = from;
  const there = async (): Promise<never> =>
    await Promise.reject(new TuttiError('internal', 'the store is on etcd already'));
  return {
    members: membersOf(new EtcdMembers(client)),
    obstacle: async () => await Promise.resolve(undefined),
    sealingKey: async () => (await sealing.material()).toString('base64'),
    keep: there,
    moveStore: there,
  };
}

function membersOf(etcd: EtcdMembers): StoreMembers {
  return {
    list: async () =>
      (await etcd.list()).map(({ id, name, peerUrls, isLearner }) => ({
        id,
        name,
        peerUrl: peerUrls[0] ?? '',
        isLearner,
      })),
    add: async (peerUrl) => void (await etcd.addLearner(peerUrl)),
    giveVote: async (memberId) => void (await etcd.giveVote(memberId, { limitMs: 0 })),
    remove: async (memberId) => await etcd.remove(memberId),
    move: async (memberId, peerUrl) => await etcd.move(memberId, peerUrl),
  };
}
