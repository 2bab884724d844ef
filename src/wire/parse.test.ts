import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseAgentMessage, parseLogMessage, parseManagerMessage } from './parse.ts';

const description = {
  hostname: 'a',
  os: 'linux',
  architecture: 'x86_64',
  nanoCpus: 1,
  memoryBytes: 1,
  engineVersion: '20.10.24',
  engineLabels: {},
  plugins: [],
  hostSubnets: [],
  address: '127.0.0.1',
};
const task = { taskId: 't', state: 'running', since: 1, containers: [], hostPorts: [] };

test('well-formed messages pass unchanged', () => {
  const hello = {
    kind: 'hello',
    nodeId: 'n',
    clusterId: '',
    sentAt: 1,
    description,
    tasks: [task],
  };
  assert.equal(parseAgentMessage(hello), hello);
  const assign = {
    kind: 'assign',
    clusterId: 'c',
    sequence: 1,
    full: true,
    changes: [{ drop: 'task', id: 't' }],
  };
  assert.equal(parseManagerMessage(assign), assign);
  const failed = { kind: 'failed', message: 'no such container' };
  assert.equal(parseLogMessage(failed), failed);
});

test('a node that says of its tunnel what `wg` of others would not take is not heard', () => {
  const key = `${'A'.repeat(42)}E=`;
  const heard = (encryption: object) =>
    parseAgentMessage({ kind: 'description', description: { ...description, encryption } });
  assert.ok(heard({ kind: 'able', publicKey: key, nextPublicKey: key, port: 7_946 }));
  assert.ok(heard({ kind: 'unable', message: 'there is no program wg on it' }));
  const wrong = [
    // The same 32 bytes, written in a way that `wg` does not take.
    { publicKey: `${'A'.repeat(42)}F=` },
    { publicKey: 'AE=' },
    { nextPublicKey: `${key}\n` },
    { port: 0 },
    { port: 65_536 },
    { port: 1.5 },
    { port: '7946' },
  ];
  for (const one of wrong) {
    const encryption = { kind: 'able', publicKey: key, port: 7_946, ...one };
    assert.throws(() => heard(encryption), /field description/, JSON.stringify(one));
  }
});

test('what only a newer version knows is passed over, and what is known beside it is taken', () => {
  for (const parse of [parseAgentMessage, parseManagerMessage, parseLogMessage]) {
    assert.equal(parse({ kind: 'forecast', sun: true }), undefined);
    assert.equal(parse({ kind: 'toString' }), undefined, 'what objects inherit is no kind');
  }
  const newerTask = { ...task, mood: 'happy' };
  const observed = { kind: 'observed', sentAt: 1, tasks: [newerTask], gone: [], weather: {} };
  assert.equal(parseAgentMessage(observed), observed);

  const put = { put: 'task', value: { taskId: 't', colour: 'red' } };
  const drop = { drop: 'network', id: 'n' };
  const unknown = [
    { put: 'forecast', value: {} },
    { drop: 'forecast', id: 'f' },
  ];
  const assign = { kind: 'assign', clusterId: 'c', sequence: 2, full: false };
  assert.deepEqual(parseManagerMessage({ ...assign, changes: [put, ...unknown, drop] }), {
    ...assign,
    changes: [put, drop],
  });
});

const malformed: readonly (readonly [string, (value: unknown) => unknown, unknown, RegExp])[] = [
  ['a number', parseAgentMessage, 1, /must be an object/],
  ['a list', parseAgentMessage, [], /must be an object/],
  ['no kind', parseAgentMessage, {}, /says of which kind it is/],
  ['a kind that is a number', parseAgentMessage, { kind: 7 }, /says of which kind it is/],
  [
    'a hello without tasks',
    parseAgentMessage,
    { kind: 'hello', nodeId: 'n', clusterId: '', sentAt: 1, description },
    /field tasks/,
  ],
  [
    'a state that does not exist',
    parseAgentMessage,
    { kind: 'observed', sentAt: 1, tasks: [{ ...task, state: 'happy' }], gone: [] },
    /field tasks/,
  ],
  [
    'a description that lacks the memory',
    parseAgentMessage,
    { kind: 'description', description: { ...description, memoryBytes: '1G' } },
    /field description/,
  ],
  [
    'a port problem that names no port',
    parseAgentMessage,
    { kind: 'ports', problems: [{ serviceId: 's1', protocol: 'tcp', message: 'taken' }] },
    /field problems/,
  ],
  ['a time that is none', parseAgentMessage, { kind: 'beat', sentAt: null }, /field sentAt/],
  [
    'a change that neither puts nor drops',
    parseManagerMessage,
    { kind: 'assign', clusterId: 'c', sequence: 1, full: false, changes: [{}] },
    /field changes/,
  ],
  [
    'a node that saw no ports',
    parseAgentMessage,
    { kind: 'examined', requestId: 'r', examination: { at: 1, linkMtu: 1_500 } },
    /field examination/,
  ],
  [
    'an order to look at what is no address',
    parseManagerMessage,
    {
      kind: 'examine',
      requestId: 'r',
      order: {
        peers: [{ nodeId: 'n', address: '192.0.2.1 mtu 1', place: 1 }],
        ports: [],
        dataPathPort: 4_789,
      },
    },
    /field order/,
  ],
  [
    'a container at what is no address',
    parseAgentMessage,
    {
      kind: 'attachments',
      report: {
        number: 1,
        coming: [],
        containers: [
          {
            networkId: 'n',
            address: '10.0.0.5/24',
            containerId: 'c',
            name: 'box',
            aliases: [],
            running: true,
          },
        ],
      },
    },
    /field report/,
  ],
  [
    'a refusal for no known reason',
    parseManagerMessage,
    { kind: 'attached', id: 'a', refusal: { code: 'mood', message: 'no' } },
    /field refusal/,
  ],
  ['a frame that is none', parseLogMessage, { kind: 'frame', frame: 'x' }, /field frame/],
];

for (const [name, parse, value, message] of malformed) {
  test(`refused as a message: ${name}`, () => {
    assert.throws(() => parse(value), { code: 'invalid-argument', message });
  });
}
