import assert from 'node:assert/strict';
import { test } from 'node:test';
import { leadershipTerms } from '../../src/leadership/terms.ts';
import { Prng } from '../../src/lib/prng.ts';
import { type LeadershipPlan, LeadershipWorld, type Span } from './world.ts';

const seeds = Array.from({ length: 60 }, (_, index) => index + 1);

function world(seed: number, options: Partial<LeadershipPlan> = {}): LeadershipWorld {
  return new LeadershipWorld({
    seed,
    managers: 3,
    terms: leadershipTerms,
    durationMs: 20_000,
    delayMs: 10,
    watchDelayMs: 20,
    outages: [],
    ...options,
  });
}

function leaderOf(of: LeadershipWorld): number {
  const { leader } = of;
  assert.ok(leader !== undefined, 'somebody leads');
  return leader;
}

/** How long nobody but the manager committed from then on. */
function takeoverMs(of: LeadershipWorld, from: { atMs: number; manager: number }): number {
  const next = of.commits.find(({ atMs, manager }) => atMs > from.atMs && manager !== from.manager);
  return (next?.atMs ?? Number.POSITIVE_INFINITY) - from.atMs;
}

function assertOneAtATime(of: LeadershipWorld): void {
  assert.deepEqual(of.conflicts, []);
  let epoch = 0;
  const holders = new Map<number, number>();
  for (const commit of of.commits) {
    assert.ok(commit.epoch >= epoch, 'epochs of commits never fall');
    ({ epoch } = commit);
    assert.equal(holders.get(epoch) ?? commit.manager, commit.manager);
    holders.set(epoch, commit.manager);
  }
}

test('one manager leads, the first in rank, and goes on leading', () => {
  for (const seed of seeds) {
    const calm = world(seed);
    calm.runUntil(20_000);
    assert.equal(calm.epoch, 1);
    assert.equal(calm.leader, 0);
    assertOneAtATime(calm);
  }
});

for (const fault of ['kill', 'freeze', 'cut'] as const) {
  test(`another commits within 1.5 s of a ${fault} of the leader, and never both`, () => {
    for (const seed of seeds) {
      const faulty = world(seed);
      const atMs = 5_000 + seed * 13;
      faulty.runUntil(atMs);
      const manager = leaderOf(faulty);
      if (fault === 'kill') faulty.kill(manager);
      else faulty[fault](manager, 4_000);
      faulty.runUntil(15_000);
      const silentMs = takeoverMs(faulty, { atMs, manager });
      assert.ok(silentMs < 1_500, `seed ${seed}: ${silentMs} ms`);
      assert.equal(faulty.epoch, 2);
      assert.notEqual(faulty.leader, manager, 'what comes back follows');
      assertOneAtATime(faulty);
    }
  });
}

test('a leader that dies while the store elects is followed within 2.5 s', () => {
  for (const seed of seeds) {
    const outages = [{ fromMs: 5_000, toMs: 6_000 }];
    const faulty = world(seed, { outages });
    faulty.runUntil(5_000);
    const manager = leaderOf(faulty);
    faulty.kill(manager);
    faulty.runUntil(15_000);
    const silentMs = takeoverMs(faulty, { atMs: 5_000, manager });
    assert.ok(silentMs < 2_500, `seed ${seed}: ${silentMs} ms`);
    assertOneAtATime(faulty);
  }
});

test('a store that elects leaves the epoch to the leader that lives', () => {
  for (const seed of seeds) {
    const outages = [{ fromMs: 5_000, toMs: 6_500 }];
    const electing = world(seed, { outages });
    electing.runUntil(15_000);
    assert.equal(electing.epoch, 1, `seed ${seed}`);
    assert.equal(electing.leader, 0);
  }
});

test('whatever is killed, frozen, cut and slow: never two at a time', () => {
  const epochs: number[] = [];
  for (const seed of seeds) {
    const dice = new Prng(seed);
    const outages = Array.from({ length: 6 }, (): Span => {
      const fromMs = dice.fraction() * 60_000;
      return { fromMs, toMs: fromMs + dice.fraction() * 3_000 };
    });
    const wild = world(seed, {
      managers: 5,
      delayMs: dice.pick([10, 60, 400]),
      watchDelayMs: dice.pick([20, 500, 3_000]),
      outages,
    });
    for (let fault = 0; fault < 40; fault += 1) {
      wild.runUntil(fault * 1_500);
      const manager = dice.chance(0.6) ? (wild.leader ?? dice.below(5)) : dice.below(5);
      if (dice.chance(0.5)) wild.freeze(manager, dice.fraction() * 3_000);
      else wild.cut(manager, dice.fraction() * 3_000);
    }
    wild.runUntil(80_000);
    assertOneAtATime(wild);
    epochs.push(wild.epoch);
  }
  assert.ok(epochs.filter((epoch) => epoch > 5).length > seeds.length / 2, epochs.join(' '));
});

test('a holder that acted for longer than others wait would be caught', () => {
  const terms = { ...leadershipTerms, holdMs: 1_600 };
  const conflicts = seeds.flatMap((seed) => {
    const careless = world(seed, { terms });
    careless.runUntil(5_000);
    careless.cut(leaderOf(careless), 4_000);
    careless.runUntil(10_000);
    return careless.conflicts;
  });
  assert.ok(conflicts.length > 0);
});
