import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { PeerCertificate } from '../model/identity.ts';
import {
  type JoinerAction,
  type JoinerEvent,
  type JoinerState,
  type JoinerStep,
  type Membership,
  startJoiner,
  stepJoiner,
} from './joiner.ts';
import { newJoinToken } from './join-token.ts';
import { refused } from './refusal.ts';

const rootId = 'a'.repeat(50);
const token = newJoinToken(rootId, () => new Uint8Array(16).fill(7));
const attempt = { token, addresses: ['one:2377', 'two:2377'], nodeId: 'n', keyDigest: 'key' };
const membership: Membership = {
  nodeId: 'n',
  role: 'worker',
  clusterId: 'c',
  certificate: 'mine',
  roots: ['root'],
};
const certificate: PeerCertificate = {
  nodeId: 'n',
  role: 'worker',
  clusterId: 'c',
  keyDigest: 'key',
  notBefore: 0,
  notAfter: 1,
  rootId,
};

const saved: JoinerEvent = { kind: 'key-saved' };
const root: JoinerEvent = { kind: 'root', certificate: 'root', rootId };
const foreign: JoinerEvent = { kind: 'root', certificate: 'other', rootId: 'b'.repeat(50) };
const silent: JoinerEvent = { kind: 'silent', message: 'connection refused' };
const accepted: JoinerEvent = { kind: 'accepted', membership, certificate };

/** What a joiner did on the way through the events, and where it came to. */
function play(...events: readonly JoinerEvent[]): {
  readonly state: JoinerState;
  readonly did: readonly JoinerAction[];
} {
  let step: JoinerStep = startJoiner(attempt);
  const did = step.action === undefined ? [] : [step.action];
  for (const event of events) {
    step = stepJoiner(step.state, event, 0.5);
    if (step.action !== undefined) did.push(step.action);
  }
  return { state: step.state, did };
}

const names = (did: readonly JoinerAction[]): readonly string[] =>
  did.map((action) => ('address' in action ? `${action.kind} ${action.address}` : action.kind));

test('a join: the key is saved, the root compared, the secret told, the membership saved', () => {
  const { state, did } = play(saved, root, accepted, { kind: 'membership-saved' });
  assert.deepEqual(names(did), [
    'save-key',
    'fetch-root one:2377',
    'ask one:2377',
    'save-membership',
  ]);
  assert.deepEqual(state, { kind: 'joined', membership });
  const asked = did.find((action) => action.kind === 'ask');
  assert.deepEqual(asked, { kind: 'ask', address: 'one:2377', root: 'root', token, nodeId: 'n' });
});

test('an address of another cluster is passed over, and hears no secret', () => {
  const { did } = play(saved, foreign, root, accepted);
  assert.deepEqual(names(did), [
    'save-key',
    'fetch-root one:2377',
    'fetch-root two:2377',
    'ask two:2377',
    'save-membership',
  ]);
});

test('where every address is of another cluster the join ends, and says so for each', () => {
  const { state } = play(saved, foreign, foreign);
  assert.ok(state.kind === 'failed');
  assert.equal(state.refusal.reason, 'foreign-root');
  assert.match(state.refusal.message, /one:2377: .*; two:2377: /);
});

test('where nobody answers it waits longer each time, and asks all again', () => {
  let step: JoinerStep = stepJoiner(startJoiner(attempt).state, saved, 0.5);
  const waits: number[] = [];
  for (let round = 0; round < 6; round += 1) {
    for (let address = 0; address < 2; address += 1) step = stepJoiner(step.state, silent, 0.5);
    assert.ok(step.action?.kind === 'wait');
    waits.push(step.action.delayMs);
    step = stepJoiner(step.state, { kind: 'waited' }, 0.5);
    assert.deepEqual(step.action, { kind: 'fetch-root', address: 'one:2377' });
  }
  assert.deepEqual(waits, [1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
});

test('waits are spread by a fifth', () => {
  const looking = play(saved, silent).state;
  const wait = (fraction: number): number => {
    const { action } = stepJoiner(looking, silent, fraction);
    return action?.kind === 'wait' ? action.delayMs : 0;
  };
  assert.deepEqual([wait(0), wait(1)], [800, 1_200]);
});

test('one silent and one foreign address may be a manager that starts: it is tried again', () => {
  assert.equal(play(saved, silent, foreign).state.kind, 'waiting');
});

test('a manager that falls silent after it was asked is passed over', () => {
  const { did } = play(saved, root, silent, root, accepted);
  assert.deepEqual(names(did).slice(-3), [
    'fetch-root two:2377',
    'ask two:2377',
    'save-membership',
  ]);
});

test('a refusal ends the join: no other manager would say anything else', () => {
  const refusal = refused('wrong-secret', { message: 'no', hint: 'Take another.' });
  const { state, did } = play(saved, root, { kind: 'refused', refusal });
  assert.deepEqual(state, { kind: 'failed', refusal });
  assert.equal(did.at(-1)?.kind, 'ask');
});

const badAnswers: readonly (readonly [string, Partial<PeerCertificate>, RegExp])[] = [
  ['another key', { keyDigest: 'other' }, /for another key/],
  ['another node', { nodeId: 'm' }, /for node m/],
  ['another authority', { rootId: undefined }, /signed by another authority/],
  ['another cluster', { clusterId: 'd' }, /for another cluster/],
  ['another role', { role: 'manager' }, /for another role/],
];

for (const [name, change, message] of badAnswers) {
  test(`a certificate for ${name} is not taken`, () => {
    const answer = { ...accepted, certificate: { ...certificate, ...change } };
    const { state, did } = play(saved, root, answer);
    assert.ok(state.kind === 'failed');
    assert.equal(state.refusal.reason, 'bad-answer');
    assert.match(state.refusal.message, message);
    assert.ok(did.every((action) => action.kind !== 'save-membership'));
  });
}

test('what the shell finds out before anybody is believed ends the join', () => {
  const refusal = refused('not-yet-valid', { message: 'clocks', hint: 'Set them.' });
  const { state, did } = play(saved, { kind: 'refused', refusal });
  assert.deepEqual(state, { kind: 'failed', refusal });
  assert.deepEqual(names(did), ['save-key', 'fetch-root one:2377']);
});

test('a token that is none, and no address, fail before anybody is asked', () => {
  const bad = startJoiner({ ...attempt, token: 'SWMTKN-1-x-y' });
  assert.ok(bad.state.kind === 'failed' && bad.action === undefined);
  const nowhere = startJoiner({ ...attempt, addresses: [] });
  const { state, action } = stepJoiner(nowhere.state, saved, 0.5);
  assert.ok(state.kind === 'failed' && action === undefined);
  assert.equal(state.refusal.reason, 'no-manager');
});

test('when the time is over the sentence tells what each address said', () => {
  const { state } = play(saved, silent, { kind: 'time-over' });
  assert.ok(state.kind === 'failed');
  assert.match(state.refusal.message, /in time: one:2377: connection refused/);
  const late = play(saved, root, accepted, { kind: 'time-over' }, { kind: 'membership-saved' });
  assert.equal(late.state.kind, 'joined');
});

test('whatever happens in whatever order, the secret goes to nobody but a root that fits', () => {
  const events = fc.constantFrom<JoinerEvent>(
    // Those of a join that succeeds come more often.
    saved,
    saved,
    root,
    root,
    root,
    accepted,
    accepted,
    { kind: 'membership-saved' },
    foreign,
    silent,
    { ...accepted, certificate: { ...certificate, keyDigest: 'other' } },
    { kind: 'refused', refusal: refused('wrong-secret', { message: 'no', hint: '.' }) },
    { kind: 'waited' },
    { kind: 'membership-saved' },
    { kind: 'time-over' },
  );
  let joins = 0;
  fc.assert(
    fc.property(fc.array(events, { maxLength: 30 }), (story) => {
      let step: JoinerStep = startJoiner(attempt);
      for (const event of story) {
        const before = step.state;
        step = stepJoiner(before, event, 0.5);
        if (before.kind === 'joined' || before.kind === 'failed') assert.equal(step.state, before);
        const { action } = step;
        if (action === undefined) continue;
        const tellsSecret = JSON.stringify(action).includes(token);
        assert.equal(tellsSecret, action.kind === 'ask');
        if (action.kind === 'ask') {
          assert.ok(before.kind === 'looking' && event === root);
          assert.equal(action.address, attempt.addresses[before.at]);
        }
        if (action.kind === 'save-membership') assert.equal(before.kind, 'asking');
      }
      if (step.state.kind === 'joined') joins += 1;
    }),
    { numRuns: 5_000, seed: 1 },
  );
  assert.ok(joins > 20, `only ${joins} joined: the test says little`);
});
