import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NodeRecord } from '../model/identity.ts';
import { decideJoin, judgeToken, type JoinKnowledge, type JoinRequest } from './join-decision.ts';
import { newJoinToken } from './join-token.ts';
import type { RefusalReason } from './refusal.ts';

const now = Date.UTC(2026, 10, 21);
const token = (root: string, secret: number): string =>
  newJoinToken(root.repeat(50), () => new Uint8Array(16).fill(secret));

const row: NodeRecord = { nodeId: 'known', role: 'worker', keyDigest: 'key-known' };
const compared: string[] = [];
const knowledge: JoinKnowledge = {
  tokens: [
    { role: 'worker', token: token('a', 1) },
    { role: 'manager', token: token('a', 2) },
    { role: 'worker', token: token('a', 3), expiresAt: now },
  ],
  node: (nodeId) => (nodeId === row.nodeId ? row : undefined),
  now,
  sameSecret: (left, right) => {
    compared.push(left);
    return left === right;
  },
};
const request: JoinRequest = {
  token: token('a', 1),
  nodeId: 'new',
  keyDigest: 'key-new',
  boundToConnection: true,
};

test('the token chooses the role', () => {
  const asWorker = decideJoin(request, knowledge);
  assert.deepEqual(asWorker, { kind: 'accepted', nodeId: 'new', role: 'worker', again: false });
  const asManager = decideJoin({ ...request, token: token('a', 2) }, knowledge);
  assert.equal(asManager.kind === 'accepted' && asManager.role, 'manager');
});

test('a join whose answer was lost is told again, and promotes nobody', () => {
  for (const secret of [1, 2]) {
    const again = {
      ...request,
      nodeId: 'known',
      keyDigest: 'key-known',
      token: token('a', secret),
    };
    assert.deepEqual(decideJoin(again, knowledge), {
      kind: 'accepted',
      nodeId: 'known',
      role: 'worker',
      again: true,
    });
  }
});

const refusals: readonly (readonly [string, Partial<JoinRequest>, RefusalReason])[] = [
  ['that is none', { token: 'SWMTKN' }, 'malformed-token'],
  ['of another cluster', { token: token('b', 1) }, 'other-authority'],
  ['that was rotated away', { token: token('a', 9) }, 'wrong-secret'],
  ['whose time is over', { token: token('a', 3) }, 'token-expired'],
  ['and the id of another node', { nodeId: 'known' }, 'id-taken'],
  ['on another connection', { boundToConnection: false }, 'replayed'],
];

for (const [name, change, reason] of refusals) {
  test(`a join with a token ${name} is refused`, () => {
    const said = decideJoin({ ...request, ...change }, knowledge);
    assert.ok(said.kind === 'refused');
    assert.equal(said.reason, reason);
    assert.match(said.hint, /\.$/);
    assert.ok(!said.message.includes(request.token));
  });
}

test('a removed node needs a valid token like all others', () => {
  const removed = { ...request, nodeId: 'known', keyDigest: 'key-known' };
  const emptied = { ...knowledge, node: () => undefined };
  assert.equal(decideJoin({ ...removed, token: token('a', 9) }, emptied).kind, 'refused');
  const back = decideJoin(removed, emptied);
  assert.equal(back.kind === 'accepted' && back.again, false);
});

test('a token is judged before anything is known of its bearer', () => {
  assert.deepEqual(judgeToken(token('a', 2), knowledge), { kind: 'found', role: 'manager' });
  const wrong = judgeToken(token('a', 9), knowledge);
  assert.equal(wrong.kind === 'refused' && wrong.reason, 'wrong-secret');
});

test('every secret is compared, whichever fits', () => {
  compared.length = 0;
  decideJoin(request, knowledge);
  assert.equal(compared.length, 3);
});
