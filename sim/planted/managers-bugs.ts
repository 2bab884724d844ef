import type { FollowedEngine, StoredBatch } from '../../src/host/followed-store.ts';
import { leadershipTerms } from '../../src/leadership/terms.ts';
import { Leases } from '../../src/liveness/leases.ts';
import { leaseTerms } from '../../src/liveness/terms.ts';
import type { Instant } from '../../src/model/instant.ts';
import type { PlantedInManagers } from './planted.ts';

/** Whoever has not come at once is missed. */
class Impatient extends Leases {
  override expect(nodeId: string, { now }: { readonly now: Instant }): void {
    super.expect(nodeId, { now, patienceMs: 0 });
  }
}

/** Bugs between managers, their leadership and their store. */
export const managersBugs: readonly PlantedInManagers[] = [
  {
    name: 'a commit is conditional on nothing',
    check: 'a write under an epoch that is over',
    seed: 4,
    seams: {
      etcd: {
        transaction: (transaction) => ({
          ...transaction,
          compares: writesRevision(transaction.success) ? [] : transaction.compares,
        }),
      },
    },
  },
  {
    name: 'a commit counts before a majority has it',
    check: 'acknowledged write lost',
    seed: 7,
    seams: { etcd: { commitsAlone: true } },
  },
  {
    name: 'a leader goes on although it could not prove that it leads',
    check: 'two managers act at once',
    seed: 4,
    seams: { terms: { ...leadershipTerms, holdMs: 60_000 } },
  },
  {
    name: 'a manager answers from what it knows, whoever leads',
    check: 'a read shows less than was acknowledged',
    seed: 4,
    seams: { answersAnything: true },
  },
  {
    name: 'a new leader misses nodes at once',
    check: 'declared down without a cut',
    seed: 5,
    seams: { leases: () => new Impatient(leaseTerms) },
  },
  {
    name: 'a follower applies two batches in the wrong order',
    check: 'managers disagree',
    seed: 1,
    seams: { engine: swapsBatches },
  },
  {
    name: 'a follower goes on past what it missed',
    check: 'managers disagree',
    seed: 1,
    seams: { engine: skipsBatches },
  },
  {
    name: 'what nobody can tell is taken for done',
    check: 'acknowledged write lost',
    seed: 6,
    seams: {
      engine: (engine) => ({
        ...delegate(engine),
        commit: async (changes, guard) => {
          const outcome = await engine.commit(changes, guard);
          return outcome.kind === 'unknown' ? { kind: 'committed' } : outcome;
        },
      }),
    },
  },
];

function writesRevision(operations: readonly { readonly kind: string; readonly key: unknown }[]) {
  return operations.some(({ kind, key }) => kind === 'put' && String(key).endsWith('/revision'));
}

/** The changes of each second batch come with the number of the one before. */
function swapsBatches(engine: FollowedEngine): FollowedEngine {
  return {
    ...delegate(engine),
    follow: async (listener, signal) => {
      let held: StoredBatch | undefined;
      const onBatch = (batch: StoredBatch): void => {
        if (held === undefined) {
          held = batch;
          return;
        }
        const { revision, changes } = held;
        held = undefined;
        listener.onBatch({ revision, changes: batch.changes });
        listener.onBatch({ revision: revision + 1, changes });
      };
      return await engine.follow({ ...delegateListener(listener), onBatch }, signal);
    },
  };
}

/** One batch of ten is not applied, and nobody notices. */
function skipsBatches(engine: FollowedEngine): FollowedEngine {
  let count = 0;
  return {
    ...delegate(engine),
    follow: async (listener, signal) => {
      const onBatch = (batch: StoredBatch): void => {
        count += 1;
        listener.onBatch(count % 10 === 0 ? { ...batch, changes: [] } : batch);
      };
      return await engine.follow({ ...delegateListener(listener), onBatch }, signal);
    },
  };
}

function delegateListener(listener: Parameters<FollowedEngine['follow']>[0]) {
  return { onSighting: listener.onSighting };
}

function delegate(engine: FollowedEngine): FollowedEngine {
  return {
    load: async () => await engine.load(),
    takeEpoch: async () => await engine.takeEpoch(),
    commit: async (changes, guard) => await engine.commit(changes, guard),
    close: async () => await engine.close(),
    follow: async (listener, signal) => await engine.follow(listener, signal),
  };
}
