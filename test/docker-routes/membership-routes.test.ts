import assert from 'node:assert/strict';
import { test } from 'node:test';
import { daemonRoutes } from '../../src/docker/daemon-routes.ts';
import type { HttpPeer, HttpReply } from '../../src/host/http.ts';
import type { JoinRequest, MembershipState } from '../../src/host/membership.ts';
import { TuttiError } from '../../src/lib/error.ts';
import { SystemClock } from '../../src/os/system-clock.ts';
import { noAttachments } from './no-attachments.ts';

/* What the daemon answers itself of `/swarm`: joining, and all of it on a worker. */

const silent = () => undefined;
const worker: MembershipState = {
  kind: 'worker',
  nodeId: 'n1',
  clusterId: 'c1',
  address: '192.0.2.7',
  managers: [{ nodeId: 'm1', address: '192.0.2.1:2377' }],
  trouble: '',
};
const version = '{"ApiVersion":"1.41","MinAPIVersion":"1.12"}';
const joining: MembershipState = { kind: 'joining', addresses: ['a:2377'], trouble: 'no answer' };

interface Answer {
  readonly status: number;
  readonly text: string;
}

interface World {
  readonly joined: JoinRequest[];
  left: number;
  readonly ask: (line: string, body?: unknown) => Promise<Answer>;
}

/** A daemon before an engine that has nothing and a manager that says `swarm` of itself. */
function world(state: MembershipState, swarm = 'inactive'): World {
  const empty: HttpPeer = {
    socketPath: '/engine.sock',
    call: async () => ({
      status: 200,
      headers: { swarm },
      body: new TextEncoder().encode(version),
    }),
    open: async () => Promise.reject(new Error('nothing streams here')),
  };
  const made: Pick<World, 'joined' | 'left'> = { joined: [], left: 0 };
  const handle = daemonRoutes({
    engine: empty,
    manager: { ...empty, socketPath: '/manager.sock' },
    membership: {
      state,
      isLost: state.kind === 'worker' && state.trouble === 'lost',
      findAgain: async (request) => void made.joined.push({ ...request, availability: 'active' }),
      join: async (request) => void made.joined.push(request),
      leave: async () => {
        made.left += 1;
      },
    },
    attachments: noAttachments,
    resolveAddress: async (given) => {
      if (given === 'eth9') throw new TuttiError('invalid-argument', '"eth9" is no interface');
      return given ?? '127.0.0.1';
    },
    clock: new SystemClock(),
    logger: { debug: silent, info: silent, warn: silent, error: silent },
    productVersion: '1.2.3',
  });
  const ask: World['ask'] = async (line, body) => {
    const [method = '', path = ''] = line.split(' ');
    const reply = await handle({
      method,
      path,
      query: new URLSearchParams(),
      headers: {},
      signal: new AbortController().signal,
      body: async () =>
        new TextEncoder().encode(typeof body === 'string' ? body : JSON.stringify(body ?? {})),
    });
    return { status: statusOf(reply), text: textOf(reply) };
  };
  return Object.assign(made, { ask });
}

function statusOf(reply: HttpReply): number {
  return reply.kind === 'forward' ? 0 : reply.status;
}

function textOf(reply: HttpReply): string {
  if (reply.kind === 'forward') return `to ${reply.socketPath}`;
  return reply.kind === 'whole' ? String(reply.body ?? '') : '';
}

const document = {
  ListenAddr: '0.0.0.0:2377',
  AdvertiseAddr: '192.0.2.7:2377',
  RemoteAddrs: ['192.0.2.1:2377', 'manager.example.org'],
  JoinToken: 'SWMTKN-1-a-b',
  Availability: 'drain',
};

test('a join is compiled as the docker command sends it', async () => {
  const { ask, joined } = world({ kind: 'fresh' });
  assert.equal((await ask('POST /v1.41/swarm/join', document)).status, 200);
  assert.deepEqual(joined, [
    {
      addresses: ['192.0.2.1:2377', 'manager.example.org:2377'],
      token: 'SWMTKN-1-a-b',
      availability: 'drain',
      advertiseAddress: '192.0.2.7',
    },
  ]);
});

test('where a node is to listen is kept where it is said, and found there', async () => {
  const { ask, joined } = world({ kind: 'fresh' });
  const said = { ...document, AdvertiseAddr: '', RemoteAddrs: ['192.0.2.1:2377'] };
  const listen = ['192.0.2.7:4000', '0.0.0.0:4000', ':2377'];
  for (const ListenAddr of listen) await ask('POST /swarm/join', { ...said, ListenAddr });
  assert.deepEqual(
    joined.map(({ advertiseAddress, listenAddress }) => [advertiseAddress, listenAddress]),
    [
      ['192.0.2.7', '192.0.2.7:4000'],
      [undefined, '0.0.0.0:4000'],
      [undefined, undefined],
    ],
  );
});

test('a node with which no manager speaks is told where one is; any other is in a cluster', async () => {
  const member = { nodeId: 'n1', clusterId: 'c1', address: '192.0.2.7', managers: [] } as const;
  const lost = world({ kind: 'worker', ...member, trouble: 'lost' });
  assert.equal((await lost.ask('POST /swarm/join', document)).status, 200);
  assert.deepEqual(lost.joined[0]?.addresses, ['192.0.2.1:2377', 'manager.example.org:2377']);
  const found = world({ kind: 'worker', ...member, trouble: '' });
  assert.match((await found.ask('POST /swarm/join', document)).text, /already part of a swarm/);
});

const bad: readonly (readonly [string, unknown, number, RegExp])[] = [
  ['an empty body', '', 400, /body/],
  ['half a document', '{"RemoteAddrs":', 400, /invalid JSON/],
  ['a list', [], 400, /must be/],
  ['an unknown key', { ...document, Colour: 'red' }, 400, /Colour/],
  ['no address', { ...document, RemoteAddrs: [] }, 400, /RemoteAddrs: at least one/],
  ['an address that is a URL', { ...document, RemoteAddrs: ['http://a'] }, 400, /RemoteAddrs\[0\]/],
  ['a port that is none', { ...document, RemoteAddrs: ['a:70000'] }, 400, /RemoteAddrs\[0\]/],
  ['an address of no host', { ...document, RemoteAddrs: [':2377'] }, 400, /RemoteAddrs\[0\]/],
  ['addresses that are a text', { ...document, RemoteAddrs: 'a:1' }, 400, /RemoteAddrs/],
  ['a number as token', { ...document, JoinToken: 1 }, 400, /JoinToken/],
  ['an availability of its own', { ...document, Availability: 'maybe' }, 400, /Availability/],
  ['an interface that is not there', { ...document, AdvertiseAddr: 'eth9' }, 400, /eth9/],
  ['a listening address that is none', { ...document, ListenAddr: 'a b' }, 400, /ListenAddr/],
];

for (const [what, body, status, says] of bad) {
  test(`POST /swarm/join refuses ${what}`, async () => {
    const { ask, joined } = world({ kind: 'fresh' });
    const said = await ask('POST /swarm/join', body);
    assert.equal(said.status, status, said.text);
    assert.match(said.text, says);
    assert.deepEqual(joined, []);
  });
}

test('who has a cluster, is in one, or is about to be, joins no other', async () => {
  for (const one of [world({ kind: 'fresh' }, 'active/manager'), world(worker), world(joining)]) {
    const { status, text } = await one.ask('POST /swarm/join', document);
    assert.equal(status, 503);
    assert.match(text, /already part of a swarm/);
  }
});

test('a worker refuses what is the cluster’s in the words of Swarm', async () => {
  const { ask } = world(worker);
  const lines = ['GET /nodes', 'GET /services', 'GET /swarm', 'POST /secrets/create', 'GET /tasks'];
  for (const line of [...lines, 'POST /swarm/update', 'GET /tutti/v1/status']) {
    const { status, text } = await ask(line);
    assert.equal(status, 503, line);
    assert.match(text, /Worker nodes can't be used to view or modify cluster state/, line);
  }
  assert.match((await ask('POST /swarm/init')).text, /already part of a swarm/);
});

test('the information of a worker names its managers', async () => {
  const { text } = await world(worker).ask('GET /info');
  assert.deepEqual((JSON.parse(text) as { readonly Swarm: unknown }).Swarm, {
    NodeID: 'n1',
    NodeAddr: '192.0.2.7',
    LocalNodeState: 'active',
    ControlAvailable: false,
    Error: '',
    RemoteManagers: [{ NodeID: 'm1', Addr: '192.0.2.1:2377' }],
  });
});

test('the information of a node that joins says what keeps it', async () => {
  const { text } = await world(joining).ask('GET /info');
  const { Swarm } = JSON.parse(text) as { readonly Swarm: Readonly<Record<string, unknown>> };
  assert.equal(Swarm['LocalNodeState'], 'pending');
  assert.equal(Swarm['Error'], 'no answer');
});

test('leaving is the membership’s where there is one, and the manager’s where not', async () => {
  for (const state of [worker, joining]) {
    const one = world(state);
    assert.equal((await one.ask('POST /swarm/leave')).status, 200);
    assert.equal(one.left, 1);
  }
  const fresh = world({ kind: 'fresh' });
  assert.equal((await fresh.ask('POST /swarm/leave')).text, 'to /manager.sock');
  assert.equal(fresh.left, 0);
});
