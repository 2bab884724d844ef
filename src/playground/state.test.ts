import assert from 'node:assert/strict';
import { test } from 'node:test';
import { planPlayground } from './plan.ts';
import { heal, partition, type PlaygroundState, readState, setLoss } from './state.ts';

const state = planPlayground({ name: 'demo', managers: 1, workers: 2 }, { id: 'abc', taken: [] });

function cutsOf({ cuts }: PlaygroundState): readonly string[] {
  return cuts.map(({ from, to }) => `${from} > ${to}`).toSorted();
}

test('a host is cut off from all others, the machine left out', () => {
  assert.deepEqual(cutsOf(partition(state, { hosts: ['worker-1'] })), [
    'manager-1 > worker-1',
    'worker-1 > manager-1',
    'worker-1 > worker-2',
    'worker-2 > worker-1',
  ]);
});

test('hosts that are cut off together still reach each other', () => {
  assert.deepEqual(cutsOf(partition(state, { hosts: ['worker-1', 'manager-1'], oneWay: 'in' })), [
    'worker-2 > manager-1',
    'worker-2 > worker-1',
  ]);
});

test('a link is cut one way, and from whom it is said', () => {
  const request = { hosts: ['worker-1'], from: ['manager-1', 'machine'] };
  assert.deepEqual(cutsOf(partition(state, { ...request, oneWay: 'out' })), [
    'worker-1 > machine',
    'worker-1 > manager-1',
  ]);
});

test('a second cut comes to the first, and a repeated one to nothing', () => {
  const first = partition(state, { hosts: ['worker-1'], from: ['worker-2'] });
  const both = partition(first, { hosts: ['worker-1'], from: ['manager-1'] });
  assert.equal(both.cuts.length, 4);
  assert.deepEqual(cutsOf(partition(both, { hosts: ['worker-1'] })), cutsOf(both));
});

test('a loss replaces the one before it, and none at all ends it', () => {
  const both = setLoss(state, { host: 'worker-1', ofTenThousand: 1_000 });
  assert.equal(both.losses.length, 2);
  const one = setLoss(both, { host: 'worker-1', ofTenThousand: 50, oneWay: 'in' });
  assert.deepEqual(one.losses, [
    { host: 'worker-1', direction: 'out', ofTenThousand: 1_000 },
    { host: 'worker-1', direction: 'in', ofTenThousand: 50 },
  ]);
  assert.deepEqual(setLoss(one, { host: 'worker-1', ofTenThousand: 0 }).losses, []);
});

test('healing one host leaves what others lack', () => {
  const broken = setLoss(
    partition(partition(state, { hosts: ['worker-1'] }), {
      hosts: ['worker-2'],
      from: ['manager-1'],
    }),
    { host: 'worker-2', ofTenThousand: 100 },
  );
  const healed = heal(broken, ['worker-1']);
  assert.deepEqual(cutsOf(healed), ['manager-1 > worker-2', 'worker-2 > manager-1']);
  assert.equal(healed.losses.length, 2);
  const whole = heal(broken, []);
  assert.deepEqual([whole.cuts, whole.losses], [[], []]);
});

test('hosts that are not there are named, with those that are', () => {
  const changes = [
    () => partition(state, { hosts: ['worker-9'] }),
    () => partition(state, { hosts: ['worker-1'], from: ['worker-9'] }),
    () => setLoss(state, { host: 'worker-9', ofTenThousand: 1 }),
    () => heal(state, ['worker-9']),
  ];
  for (const change of changes) assert.throws(change, /no such host: worker-9/);
  assert.throws(() => partition(state, { hosts: [] }), /nobody to be cut off from/);
  const all = state.hosts.map(({ name }) => name);
  assert.throws(() => partition(state, { hosts: all }), /nobody to be cut off from/);
});

test('what is written is read again, and what is torn is refused', () => {
  const text = JSON.stringify(state);
  assert.deepEqual(readState(text, 'state.json'), state);
  for (const torn of ['', text.slice(0, -5), '[]', 'null', '{"version":2}']) {
    assert.throws(() => readState(torn, 'state.json'), /state\.json is not the state/);
  }
});
