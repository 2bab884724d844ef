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

const malformed: readonly (readonly [string, (value: unknown) => unknown, unknown, RegExp])[] = [
  ['a number', parseAgentMessage, 1, /must be an object/],
  ['a list', parseAgentMessage, [], /must be an object/],
  ['no kind', parseAgentMessage, {}, /unknown kind of message undefined/],
  ['a kind of the other side', parseAgentMessage, { kind: 'leave' }, /one of hello, observed/],
  ['a kind that objects inherit', parseAgentMessage, { kind: 'toString' }, /unknown kind/],
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
  ['a frame that is none', parseLogMessage, { kind: 'frame', frame: 'x' }, /field frame/],
];

for (const [name, parse, value, message] of malformed) {
  test(`refused as a message: ${name}`, () => {
    assert.throws(() => parse(value), { code: 'invalid-argument', message });
  });
}
