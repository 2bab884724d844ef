import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeVote } from '../shared/vote.ts';
import type { Vote } from '../shared/vote.ts';
import { readBatch } from './batch.ts';

const vote = (voterId: string, choice: 'a' | 'b', castAtMs: number): Vote => ({
  voterId,
  choice,
  castAtMs,
});

test('votes come out in the order of voters, whatever the order of the queue', () => {
  const votes = [vote('c', 'a', 1), vote('a', 'b', 2), vote('b', 'a', 3)];
  const voters = readBatch(votes.map(encodeVote)).votes.map(({ voterId }) => voterId);
  assert.deepEqual(voters, ['a', 'b', 'c']);
});

test('of two votes of one voter the later one counts, also when it comes first', () => {
  const early = vote('a', 'a', 1);
  const late = vote('a', 'b', 2);
  assert.deepEqual(readBatch([early, late].map(encodeVote)).votes, [late]);
  assert.deepEqual(readBatch([late, early].map(encodeVote)).votes, [late]);
});

test('without times, the later entry counts', () => {
  const entries = ['{"voter_id":"a","vote":"a"}', '{"voter_id":"a","vote":"b"}'];
  assert.equal(readBatch(entries).votes[0]?.choice, 'b');
});

test('an entry that is no vote is set apart and holds nothing up', () => {
  const good = vote('a', 'a', 1);
  const batch = readBatch(['nonsense', encodeVote(good)]);
  assert.deepEqual(batch, { votes: [good], malformed: ['nonsense'] });
});
