import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Task } from '../model/task.ts';
import { PlacementPasses } from './placement-pass.ts';

const waiting = ['a', 'b', 'c', 'd', 'e'].map((id) => ({ id }) as Task);

function names(tasks: readonly Task[]): string {
  return tasks.map((task) => task.id).join('');
}

test('each task that waits is tried once, as many at a time as fit', () => {
  const passes = new PlacementPasses();
  const next = (): string => {
    const { tasks, more } = passes.next('w', { waiting, placing: 'on', limit: 2 });
    return `${names(tasks)} ${more}`;
  };
  assert.deepEqual([next(), next(), next()], ['ab true', 'cd true', 'e false']);
});

test('whatever happens in between, none is left out: the longest untried come first', () => {
  const passes = new PlacementPasses();
  const tried: string[] = [];
  for (let time = 0; time < 5; time += 1) {
    tried.push(names(passes.next('w', { waiting, placing: 'anew', limit: 2 }).tasks));
  }
  assert.deepEqual(tried, ['ab', 'cd', 'ea', 'bc', 'de']);
});

test('an event in the middle has all of them tried again', () => {
  const passes = new PlacementPasses();
  passes.next('w', { waiting, placing: 'on', limit: 2 });
  const left: string[] = [];
  let placing: 'anew' | 'on' = 'anew';
  for (let more = true; more; ) {
    const got = passes.next('w', { waiting, placing, limit: 2 });
    left.push(names(got.tasks));
    more = got.more;
    placing = 'on';
  }
  assert.deepEqual(left, ['cd', 'ea', 'b']);
});

test('what fits is tried as a whole, and leaves nothing to remember', () => {
  const passes = new PlacementPasses();
  passes.next('w', { waiting, placing: 'on', limit: 2 });
  const { tasks, more } = passes.next('w', { waiting, placing: 'on', limit: 5 });
  assert.equal(`${names(tasks)} ${more}`, 'abcde false');
  assert.equal(names(passes.next('w', { waiting, placing: 'on', limit: 2 }).tasks), 'ab');
});
