import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StoreMember } from '../host/seat-host.ts';
import type { ManagerSeat, Node, NodeRole } from '../model/node.ts';
import {
  type ManagerChange,
  type ManagerSituation,
  planManagerChange,
  type SeatRequest,
} from './manager-changes.ts';

type Row = Pick<Node, 'id' | 'spec' | 'seat'>;

function seatOf(host: string): ManagerSeat {
  return { address: `${host}:2377`, peerUrl: `https://${host}:2380` };
}

function row(id: string, role: NodeRole, host?: string): Row {
  const spec = { role, availability: 'active', labels: {} } as const;
  return { id, spec, ...(host !== undefined && { seat: seatOf(host) }) };
}

function member(name: string, host: string, kind: 'voter' | 'learner' | 'new' = 'voter') {
  const { peerUrl } = seatOf(host);
  return {
    id: `m-${host}`,
    name: kind === 'new' ? '' : name,
    peerUrl,
    isLearner: kind !== 'voter',
  } satisfies StoreMember;
}

function ask(nodeId: string, host: string): SeatRequest {
  return { nodeId, seat: seatOf(host) };
}

function situation(
  nodes: readonly Row[],
  more: Partial<ManagerSituation> & { readonly silent?: readonly string[] },
): ManagerSituation {
  const { silent = [], members, ...rest } = more;
  return {
    selfId: 'a',
    nodes,
    members,
    requests: [],
    isReachable: (nodeId) => !silent.includes(nodeId),
    ...rest,
  };
}

const only = [member('a', 'h1')];
const two = [...only, member('b', 'h2')];
const three = [...two, member('c', 'h3')];
const managers = [row('a', 'manager', 'h1'), row('b', 'manager', 'h2'), row('c', 'manager', 'h3')];

const findings: readonly (readonly [string, ManagerSituation, ManagerChange | undefined])[] = [
  [
    'a worker that asks for a seat on a store of one manager gets nothing',
    situation([row('a', 'manager'), row('b', 'worker')], { requests: [ask('b', 'h2')] }),
    undefined,
  ],
  [
    'a second manager that is not ready moves nothing',
    situation([row('a', 'manager'), row('b', 'manager')], {}),
    undefined,
  ],
  [
    'a second manager that is ready has the store moved',
    situation([row('a', 'manager'), row('b', 'manager')], { requests: [ask('b', 'h2')] }),
    { kind: 'move-store' },
  ],
  [
    'who is ready becomes a learner',
    situation([row('a', 'manager', 'h1'), row('b', 'manager')], {
      members: only,
      requests: [ask('b', 'h2')],
    }),
    { kind: 'add-learner', nodeId: 'b', seat: seatOf('h2') },
  ],
  [
    'a leader that died before the row was written is followed by one that writes it',
    situation([row('a', 'manager', 'h1'), row('b', 'manager')], {
      members: [...only, member('b', 'h2', 'new')],
      requests: [ask('b', 'h2')],
    }),
    { kind: 'take-seat', nodeId: 'b', seat: seatOf('h2') },
  ],
  [
    'a learner that nobody asks for any more goes',
    situation([row('a', 'manager', 'h1'), row('b', 'manager')], {
      members: [...only, member('b', 'h2', 'new')],
    }),
    { kind: 'remove-member', nodeId: 'member m-h2', memberId: 'm-h2' },
  ],
  [
    'a learner gets its vote',
    situation([row('a', 'manager', 'h1'), row('b', 'manager', 'h2')], {
      members: [...only, member('b', 'h2', 'learner')],
      silent: ['b'],
    }),
    { kind: 'give-vote', nodeId: 'b', memberId: 'm-h2' },
  ],
  [
    'a learner whose store has not started waits for its vote',
    situation([row('a', 'manager', 'h1'), row('b', 'manager', 'h2')], {
      members: [...only, member('b', 'h2', 'new')],
    }),
    undefined,
  ],
  [
    'the third waits while the second learns',
    situation([row('a', 'manager', 'h1'), row('b', 'manager', 'h2'), row('c', 'manager')], {
      members: [...only, member('b', 'h2', 'new')],
      requests: [ask('c', 'h3')],
    }),
    undefined,
  ],
  ['three managers stay as they are', situation(managers, { members: three }), undefined],
  [
    'who was demoted loses its vote first',
    situation([...managers.slice(0, 2), row('c', 'worker', 'h3')], { members: three }),
    { kind: 'remove-member', nodeId: 'c', memberId: 'm-h3' },
  ],
  [
    'and then its seat',
    situation([...managers.slice(0, 2), row('c', 'worker', 'h3')], { members: two }),
    { kind: 'clear-seat', nodeId: 'c' },
  ],
  [
    'who was removed while it was down loses its vote',
    situation(managers.slice(0, 2), { members: three, silent: ['c'] }),
    { kind: 'remove-member', nodeId: 'c', memberId: 'm-h3' },
  ],
  [
    'nobody loses a vote that the next write needs',
    situation([row('a', 'manager', 'h1'), row('b', 'worker', 'h2'), row('c', 'manager', 'h3')], {
      members: three,
      silent: ['c'],
    }),
    undefined,
  ],
  [
    'a leader that was demoted removes itself after the others',
    situation([row('a', 'worker', 'h1'), row('b', 'manager', 'h2'), row('c', 'worker', 'h3')], {
      members: three,
    }),
    { kind: 'remove-member', nodeId: 'c', memberId: 'm-h3' },
  ],
  [
    'and then itself',
    situation([row('a', 'worker', 'h1'), row('b', 'manager', 'h2')], { members: two }),
    { kind: 'remove-member', nodeId: 'a', memberId: 'm-h1' },
  ],
  [
    'another address of a manager goes to the store first',
    situation(managers, { members: three, requests: [ask('c', 'h9')] }),
    { kind: 'move-member', nodeId: 'c', memberId: 'm-h3', peerUrl: 'https://h9:2380' },
  ],
  [
    'and then into its row',
    situation(managers, { members: [...two, member('c', 'h9')], requests: [ask('c', 'h9')] }),
    { kind: 'take-seat', nodeId: 'c', seat: seatOf('h9') },
  ],
  [
    'a leader that has not heard of another address removes nobody for it',
    situation(managers, { members: [...two, member('c', 'h9')] }),
    undefined,
  ],
];

for (const [finding, given, expected] of findings) {
  test(finding, () => assert.deepEqual(planManagerChange(given).change, expected));
}

test('what waits says why', () => {
  const waiting = situation(
    [row('a', 'manager', 'h1'), row('b', 'manager', 'h2'), row('c', 'manager')],
    { members: [...only, member('b', 'h2', 'new')], requests: [ask('c', 'h3')], silent: ['b'] },
  );
  assert.deepEqual(
    [...planManagerChange(waiting).waits],
    [
      ['b', 'node b does not know yet what the managers know'],
      ['c', 'node b is still learning what the managers know'],
    ],
  );
});

/** What a change does to the world, in the way that the store and its members do it. */
function carryOut(before: ManagerSituation, change: ManagerChange): ManagerSituation {
  const rows = [...before.nodes];
  const members = before.members ?? [];
  const withSeat = (nodeId: string, seat: ManagerSeat | undefined): readonly Row[] =>
    rows.map(({ seat: old, ...rest }) => {
      const kept = rest.id === nodeId ? seat : old;
      return { ...rest, ...(kept !== undefined && { seat: kept }) };
    });
  switch (change.kind) {
    case 'move-store':
      return { ...before, members: only, nodes: withSeat('a', seatOf('h1')) };
    case 'add-learner': {
      const { peerUrl } = change.seat;
      const added = { id: `m-${peerUrl}`, name: change.nodeId, peerUrl, isLearner: true };
      return { ...before, members: [...members, added] };
    }
    case 'give-vote':
      return {
        ...before,
        members: members.map((entry) =>
          entry.id === change.memberId
            ? { ...entry, name: change.nodeId, isLearner: false }
            : entry,
        ),
      };
    case 'remove-member':
      return { ...before, members: members.filter(({ id }) => id !== change.memberId) };
    case 'move-member':
      return {
        ...before,
        members: members.map((entry) =>
          entry.id === change.memberId ? { ...entry, peerUrl: change.peerUrl } : entry,
        ),
      };
    case 'take-seat':
      return { ...before, nodes: withSeat(change.nodeId, change.seat) };
    case 'clear-seat':
      return { ...before, nodes: withSeat(change.nodeId, undefined) };
  }
}

test('five nodes become managers of one that was alone, one by one, and cease to be', () => {
  const ids = ['a', 'b', 'c', 'd', 'e'];
  const hosts = new Map(ids.map((id, index) => [id, `h${index + 1}`]));
  let now = situation(
    ids.map((id) => row(id, 'manager')),
    { requests: ids.slice(1).map((id) => ask(id, hosts.get(id) ?? '')) },
  );
  const settle = (): number => {
    for (let steps = 0; steps < 100; steps += 1) {
      const { change } = planManagerChange(now);
      if (change === undefined) return steps;
      now = carryOut(now, change);
    }
    return assert.fail('it does not come to an end');
  };
  assert.equal(settle(), 1 + 4 * 3);
  assert.deepEqual(
    now.members?.map(({ name, isLearner }) => [name, isLearner]),
    ids.map((id) => [id, false]),
  );
  assert.ok([...now.nodes].every(({ seat }) => seat !== undefined));
  const nodes = [...now.nodes].map((node) =>
    ['a', 'd', 'e'].includes(node.id) ? { ...node, spec: row('', 'worker').spec } : node,
  );
  now = { ...now, nodes, requests: [] };
  assert.equal(settle(), 3 * 2);
  assert.deepEqual(
    now.members?.map(({ name }) => name),
    ['b', 'c'],
  );
});
