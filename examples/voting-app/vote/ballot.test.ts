import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readChoice, readVoterId, voterCookie } from './ballot.ts';

test('a form with one known choice is a ballot', () => {
  assert.equal(readChoice('vote=a'), 'a');
  assert.equal(readChoice('from=here&vote=b'), 'b');
});

for (const form of ['', 'vote=', 'vote=c', 'vote=A', 'vote', 'choice=a', 'vote=a&vote=b']) {
  test(`the form "${form}" is no ballot`, () => {
    assert.equal(readChoice(form), undefined);
  });
}

test('the voter is found among other cookies', () => {
  assert.equal(readVoterId('theme=dark; voter_id=1f2e-9; x=y'), '1f2e-9');
});

for (const cookie of [
  '',
  'voter_id',
  'voter_id=',
  'other_voter_id=1',
  'voter_id=<script>',
  `voter_id=${'1'.repeat(65)}`,
]) {
  test(`the cookie "${cookie.slice(0, 30)}" names no voter`, () => {
    assert.equal(readVoterId(cookie), undefined);
  });
}

test('the cookie that is given is the cookie that is read', () => {
  assert.equal(readVoterId(voterCookie('1f2e').split(';')[0] ?? ''), '1f2e');
});
