import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeVote, encodeVote } from './vote.ts';

test('a vote survives the queue', () => {
  const vote = { voterId: '1f2e', choice: 'b', castAtMs: 1_700_000_000_000 } as const;
  assert.deepEqual(decodeVote(encodeVote(vote)), vote);
});

test('an entry of a producer that knows no time is a vote', () => {
  const vote = decodeVote('{"voter_id": "1f2e", "vote": "a"}');
  assert.deepEqual(vote, { voterId: '1f2e', choice: 'a', castAtMs: 0 });
});

for (const entry of [
  '',
  'a',
  'null',
  '{',
  '{"voter_id": "1f2e"}',
  '{"voter_id": "1f2e", "vote": "c"}',
  '{"voter_id": 7, "vote": "a"}',
  '{"voter_id": "", "vote": "a"}',
  `{"voter_id": "${'x'.repeat(256)}", "vote": "a"}`,
]) {
  test(`the entry ${JSON.stringify(entry.slice(0, 40))} is no vote`, () => {
    assert.equal(decodeVote(entry), undefined);
  });
}
