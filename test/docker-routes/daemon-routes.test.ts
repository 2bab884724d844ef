import assert from 'node:assert/strict';
import { test } from 'node:test';
import { daemonRoutes } from '../../src/docker/daemon-routes.ts';
import type { HttpPeer, HttpReply } from '../../src/host/http.ts';
import { SystemClock } from '../../src/os/system-clock.ts';
import { noAttachments } from './no-attachments.ts';

const silent = () => undefined;

/** A container engine that speaks nothing newer than 1.41. */
const engine: HttpPeer = {
  socketPath: '/engine.sock',
  call: async () => ({
    status: 200,
    headers: {},
    body: new TextEncoder().encode('{"ApiVersion":"1.41","MinAPIVersion":"1.12"}'),
  }),
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

async function ask(line: string): Promise<HttpReply> {
  const [method = '', target = ''] = line.split(' ');
  const [path = '', query] = target.split('?');
  return await handle({
    method,
    path,
    query: new URLSearchParams(query),
    headers: {},
    signal: new AbortController().signal,
    body: async () => new Uint8Array(),
  });
}

const passedOn: readonly (readonly [line: string, socketPath: string, target: string])[] = [
  ['GET /v1.51/containers/a/top?ps_args=1', '/engine.sock', '/v1.41/containers/a/top?ps_args=1'],
  ['GET /v1.40/containers/a/stats', '/engine.sock', '/v1.40/containers/a/stats'],
  ['GET /containers/a/changes', '/engine.sock', '/v1.41/containers/a/changes'],
  [
    'HEAD /v1.51/containers/a/archive?path=/x',
    '/engine.sock',
    '/v1.41/containers/a/archive?path=%2Fx',
  ],
  [
    'POST /v1.51/containers/a/attach?stream=1',
    '/engine.sock',
    '/v1.41/containers/a/attach?stream=1',
  ],
  ['POST /v1.51/exec/a/start', '/engine.sock', '/v1.41/exec/a/start'],
  ['POST /v1.51/build?t=x', '/engine.sock', '/v1.41/build?t=x'],
  ['POST /session', '/engine.sock', '/v1.41/session'],
  ['POST /grpc', '/engine.sock', '/v1.41/grpc'],
  [
    'GET /v1.51/images/registry/team/app:1/json',
    '/engine.sock',
    '/v1.41/images/registry/team/app:1/json',
  ],
  ['DELETE /v1.51/volumes/v', '/engine.sock', '/v1.41/volumes/v'],
  ['GET /v1.51/services?status=true', '/manager.sock', '/v1.51/services?status=true'],
  ['POST /v1.51/swarm/init', '/manager.sock', '/v1.51/swarm/init'],
];

for (const [line, socketPath, target] of passedOn) {
  test(`${line} goes to ${socketPath} as ${target}`, async () => {
    const reply = await ask(line);
    assert.equal(reply.kind, 'forward');
    assert.equal(reply.kind === 'forward' && reply.socketPath, socketPath);
    assert.equal(reply.kind === 'forward' && reply.target, target);
  });
}

const notSupported = [
  'GET /v1.51/nothing/of/the/kind',
  'GET /',
  'POST /v1.51/containers/a/checkpoints',
  'POST /v1.51/plugins/pull',
  'POST /v1.51/plugins/p/enable',
  'DELETE /v1.51/plugins/p',
  'PUT /v1.51/volumes/v?version=1',
  'PATCH /v1.51/containers/json',
  'POST /v1.51/containers/json',
  'DELETE /v1.51/images',
];

for (const line of notSupported) {
  test(`${line} is refused with 501 and a sentence`, async () => {
    const reply = await ask(line);
    assert.equal(reply.kind === 'whole' && reply.status, 501);
    const body = reply.kind === 'whole' ? String(reply.body) : '';
    const { message } = JSON.parse(body) as { readonly message: string };
    assert.match(message, /(?:is|are) not supported.*[.a-zA-Z]$/);
  });
}
