import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LiveTally } from './live-tally.ts';
import type { Tally } from './tally.ts';

/** A live tally whose database and time move only when the test says so. */
function start() {
  let next: Tally | Error = { a: 0, b: 0, total: 0 };
  let looks = 0;
  let resume = () => {};
  const problems: string[] = [];
  const live = new LiveTally({
    readTally: async () => {
      looks += 1;
      if (next instanceof Error) throw next;
      return next;
    },
    pause: () =>
      new Promise((resolve) => {
        resume = resolve;
      }),
    onProblem: (error) => problems.push(String(error)),
  });
  return {
    live,
    problems,
    looks: () => looks,
    set: (value: Tally | Error) => {
      next = value;
    },
    /** Ends a pause and lets the next look happen. */
    turn: async () => {
      resume();
      await settled();
    },
  };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));
const count = (a: number, b: number): Tally => ({ a, b, total: a + b });

test('a watcher gets the current tally and then only what changed', async () => {
  const { live, set, turn } = start();
  const seen: Tally[] = [];
  live.watch((tally) => seen.push(tally), new AbortController().signal);
  await turn();
  await turn();
  set(count(1, 0));
  await turn();
  assert.deepEqual(seen, [count(0, 0), count(1, 0)]);
});

test('a second watcher gets the tally at once and shares the looks', async () => {
  const { live, looks, turn } = start();
  live.watch(() => {}, new AbortController().signal);
  await turn();
  const looksBefore = looks();
  const seen: Tally[] = [];
  live.watch((tally) => seen.push(tally), new AbortController().signal);
  assert.deepEqual(seen, [count(0, 0)]);
  await turn();
  assert.equal(looks(), looksBefore + 1);
});

test('nobody looks when nobody watches, and a late watcher sees no stale tally', async () => {
  const { live, looks, set, turn } = start();
  const watcher = new AbortController();
  live.watch(() => {}, watcher.signal);
  await turn();
  watcher.abort();
  await turn();
  const looksBefore = looks();
  await turn();
  assert.equal(looks(), looksBefore);
  set(count(0, 4));
  const seen: Tally[] = [];
  live.watch((tally) => seen.push(tally), new AbortController().signal);
  await turn();
  assert.deepEqual(seen, [count(0, 4)]);
});

test('a database that is away is reported once, and watching goes on', async () => {
  const { live, problems, set, turn } = start();
  const seen: Tally[] = [];
  set(new Error('away'));
  live.watch((tally) => seen.push(tally), new AbortController().signal);
  await turn();
  await turn();
  assert.deepEqual(problems, ['Error: away']);
  set(count(2, 2));
  await turn();
  assert.deepEqual(seen, [count(2, 2)]);
});
