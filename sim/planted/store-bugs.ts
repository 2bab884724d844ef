import type { CommitOutcome, StoreEngine } from '../../src/host/store-engine.ts';
import type { World } from '../world.ts';
import type { Planted } from './planted.ts';

const lateMs = 400;

/** Bugs of a store engine. */
export const storeBugs: readonly Planted[] = [
  {
    name: 'a commit is acknowledged before it is on disk',
    check: 'acknowledged write lost',
    seed: 2,
    seams: { engine: acknowledgeEarly },
  },
  {
    name: 'a disk says "synced" and is not',
    check: 'acknowledged write lost',
    seed: 2,
    seams: {
      engine: (engine, world) => {
        world.disk.lying = true;
        return engine;
      },
    },
  },
  {
    name: 'a batch is written without its last change',
    check: 'acknowledged write lost',
    seed: 1,
    seams: {
      engine: (engine, world) => {
        const dice = world.dice(9);
        return {
          ...delegate(engine),
          commit: async (changes, guard) =>
            await engine.commit(dice.chance(0.1) ? changes.slice(0, -1) : changes, guard),
        };
      },
    },
  },
];

function acknowledgeEarly(engine: StoreEngine, world: World): StoreEngine {
  let before: Promise<unknown> = Promise.resolve();
  return {
    ...delegate(engine),
    commit: async (changes, guard): Promise<CommitOutcome> => {
      await before;
      before = world.clock.sleep(lateMs).then(async () => await engine.commit(changes, guard));
      // Who comes next hears of it; with the death of the manager that is nobody.
      before.catch(() => undefined);
      return { kind: 'committed' };
    },
  };
}

function delegate(engine: StoreEngine): StoreEngine {
  return {
    load: async () => await engine.load(),
    takeEpoch: async () => await engine.takeEpoch(),
    commit: async (changes, guard) => await engine.commit(changes, guard),
    close: async () => await engine.close(),
  };
}
