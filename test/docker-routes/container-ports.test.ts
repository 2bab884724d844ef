import assert from 'node:assert/strict';
import { test } from 'node:test';
import { daemonRoutes } from '../../src/docker/daemon-routes.ts';
import type { HttpPeer } from '../../src/host/http.ts';
import { SystemClock } from '../../src/os/system-clock.ts';
import { noAttachments } from './no-attachments.ts';

const silent = () => undefined;
const ofTask = { Labels: { 'dev.tutti.ports': '8090:80/tcp 8091:81/udp' } };
const listedByEngine = [
  {
    Id: 'task',
    State: 'running',
    Ports: [
      { PrivatePort: 80, Type: 'tcp' },
      { PrivatePort: 81, Type: 'udp' },
      { PrivatePort: 443, Type: 'tcp' },
    ],
    ...ofTask,
  },
  { Id: 'ended', State: 'exited', Ports: [], ...ofTask },
  { Id: 'other', State: 'running', Ports: [], Labels: {} },
];
const inspected = (Status: string, Labels: object) => ({
  Id: 'task',
  Config: { Labels },
  State: { Status },
  HostConfig: { PortBindings: {}, Privileged: false },
  NetworkSettings: { Ports: { '80/tcp': null, '443/tcp': null }, SandboxID: 's' },
});
const filtered = (filters: object) =>
  `/v1.41/containers/json?filters=${encodeURIComponent(JSON.stringify(filters))}`;
const answers: Readonly<Record<string, string>> = {
  [filtered({ publish: { '8091/udp': true } })]: '[{"Id":"other","Labels":{}}]',
  [filtered({ publish: ['8000-9000'], name: ['t'] })]: '[]',
  [filtered({ publish: { '80': true } })]: '[]',
  [filtered({ publish: { '80': true }, expose: { '80': true } })]: '[{"Id":"task"}]',
  [filtered({ label: ['dev.tutti.ports'] })]: JSON.stringify([listedByEngine[0]]),
  [filtered({ name: ['t'], label: ['dev.tutti.ports'] })]: JSON.stringify([listedByEngine[0]]),
  '/version': '{"ApiVersion":"1.41","MinAPIVersion":"1.12"}',
  '/v1.41/containers/json?all=1': JSON.stringify(listedByEngine),
  '/v1.41/containers/json': '[ {"Id":"other","Labels":{}} ]\n',
  '/v1.41/containers/running/json': JSON.stringify(inspected('running', ofTask.Labels)),
  '/v1.41/containers/ended/json': JSON.stringify(inspected('exited', ofTask.Labels)),
  '/v1.41/containers/other/json': `${JSON.stringify(inspected('running', {}), undefined, 1)}\n`,
};

const engine: HttpPeer = {
  socketPath: '/engine.sock',
  call: async ({ target }) => {
    const text = answers[target];
    const body = new TextEncoder().encode(text ?? '{"message":"No such container: x"}');
    return { status: text === undefined ? 404 : 200, headers: {}, body };
  },
  open: async () => Promise.reject(new Error('nothing streams here')),
};

const asked = async () => Promise.reject(new Error('nobody joins here'));

const handle = daemonRoutes({
  engine,
  manager: { ...engine, socketPath: '/manager.sock' },
  membership: {
    state: { kind: 'fresh' },
    isLost: false,
    join: asked,
    findAgain: asked,
    leave: asked,
  },
  attachments: noAttachments,
  resolveAddress: asked,
  clock: new SystemClock(),
  logger: { debug: silent, info: silent, warn: silent, error: silent },
  productVersion: '1.2.3',
});

async function ask(target: string): Promise<{ readonly status: number; readonly text: string }> {
  const [path = '', query] = target.split('?');
  const reply = await handle({
    method: 'GET',
    path,
    query: new URLSearchParams(query),
    headers: {},
    signal: new AbortController().signal,
    body: async () => new Uint8Array(),
  });
  assert.ok(reply.kind === 'whole');
  const { body = '' } = reply;
  return {
    status: reply.status,
    text: typeof body === 'string' ? body : new TextDecoder().decode(body),
  };
}

test('a list of containers shows the ports of mode host that lead to tasks that run', async () => {
  const { text } = await ask('/v1.51/containers/json?all=1');
  const [task, ...others] = JSON.parse(text) as readonly { readonly Ports: unknown }[];
  assert.deepEqual(task?.Ports, [
    { PrivatePort: 443, Type: 'tcp' },
    { IP: '0.0.0.0', PrivatePort: 80, PublicPort: 8090, Type: 'tcp' },
    { IP: '::', PrivatePort: 80, PublicPort: 8090, Type: 'tcp' },
    { IP: '0.0.0.0', PrivatePort: 81, PublicPort: 8091, Type: 'udp' },
    { IP: '::', PrivatePort: 81, PublicPort: 8091, Type: 'udp' },
  ]);
  assert.deepEqual(others, listedByEngine.slice(1));
});

test('inspecting a task’s container shows its ports as bound while it runs', async () => {
  const bound = (...hosts: readonly string[]) => ({
    '80/tcp': hosts.map((HostIp) => ({ HostIp, HostPort: '8090' })),
    '81/udp': hosts.map((HostIp) => ({ HostIp, HostPort: '8091' })),
  });
  for (const [name, ports] of [
    ['running', { ...bound('0.0.0.0', '::'), '443/tcp': null }],
    ['ended', { '80/tcp': null, '443/tcp': null }],
  ] as const) {
    const { text } = await ask(`/v1.41/containers/${name}/json`);
    const shown = JSON.parse(text) as ReturnType<typeof inspected>;
    assert.deepEqual(shown.NetworkSettings, { Ports: ports, SandboxID: 's' }, name);
    assert.deepEqual(shown.HostConfig, { PortBindings: bound(''), Privileged: false }, name);
  }
});

test('what has no such ports, and what is not there, is answered in the engine’s own bytes', async () => {
  for (const path of ['/v1.41/containers/json', '/v1.41/containers/other/json']) {
    assert.equal((await ask(path)).text, answers[path], path);
  }
  const { status, text } = await ask('/v1.41/containers/nope/json');
  assert.equal(status, 404);
  assert.equal(text, '{"message":"No such container: x"}');
});

test('a list by published port has the tasks that have it, among others', async () => {
  const table: readonly (readonly [filters: object, ids: readonly string[]])[] = [
    [{ publish: { '8091/udp': true } }, ['other', 'task']],
    [{ publish: ['8000-9000'], name: ['t'] }, ['task']],
    [{ publish: { '80': true } }, []],
    [{ publish: { '80': true }, expose: { '80': true } }, ['task']],
  ];
  for (const [filters, expected] of table) {
    const { text } = await ask(filtered(filters));
    const listed = JSON.parse(text) as readonly { readonly Id: string }[];
    const ids = listed.map(({ Id }) => Id);
    assert.deepEqual(ids, expected, JSON.stringify(filters));
  }
});
