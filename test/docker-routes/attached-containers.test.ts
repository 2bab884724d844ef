import assert from 'node:assert/strict';
import { test } from 'node:test';
import { daemonRoutes } from '../../src/docker/daemon-routes.ts';
import type { Attachments } from '../../src/host/attachments.ts';
import type { HttpPeer } from '../../src/host/http.ts';
import { TuttiError } from '../../src/lib/error.ts';
import { SystemClock } from '../../src/os/system-clock.ts';
import { noAttachments } from './no-attachments.ts';

const silent = () => undefined;
const nobody = async () => await Promise.reject(new Error('nobody joins here'));

interface Site {
  /** What the engine was asked to do. */
  readonly asked: { readonly line: string; readonly body: unknown }[];
  readonly settled: string[];
  readonly wanted: unknown[];
  post(path: string, body: object): Promise<{ readonly status: number; readonly text: string }>;
}

/** A node of a cluster with the attachable network `net`, and the engine's own network `mine`. */
function site({ createStatus = 201 } = {}): Site {
  const asked: Site['asked'][number][] = [];
  const [settled, wanted]: [string[], unknown[]] = [[], []];
  const answers: Readonly<Record<string, string>> = {
    'GET /version': '{"ApiVersion":"1.41","MinAPIVersion":"1.12"}',
    'GET /v1.41/networks/mine': '{"Id":"m1","Name":"mine","Labels":{}}',
    'GET /v1.41/containers/old/json':
      '{"NetworkSettings":{"Networks":{"net-id":{"IPAddress":"10.9.0.4"}}}}',
    'GET /v1.41/containers/new/json': '{"NetworkSettings":{"Networks":{}}}',
  };
  const engine: HttpPeer = {
    socketPath: '/engine.sock',
    call: async ({ method, target, body }) => {
      await Promise.resolve();
      const line = `${method} ${target}`;
      const encode = (text: string) => new TextEncoder().encode(text);
      if (method === 'POST') {
        asked.push({ line, body: JSON.parse(String(body)) });
        const text = createStatus === 201 ? '{"Id":"c1"}' : '{"message":"No such image: x"}';
        return { status: createStatus, headers: {}, body: encode(text) };
      }
      const text = answers[line];
      return { status: text === undefined ? 404 : 200, headers: {}, body: encode(text ?? '{}') };
    },
    open: async () => await Promise.reject(new Error('nothing streams here')),
  };
  const attachments: Attachments = {
    ...noAttachments,
    attach: async ({ network, address }) => {
      wanted.push([network, address]);
      if (network === 'full') throw new TuttiError('resource-exhausted', 'no address is left');
      if (network === 'away') throw new TuttiError('unavailable', 'no manager answers');
      if (network === 'closed') {
        throw new TuttiError('permission-denied', 'network closed not manually attachable');
      }
      if (network !== 'net') return undefined;
      const place = { networkId: 'net-id', engineName: 'net-id', gateway: '10.9.0.1' };
      return await Promise.resolve({ id: 'p1', ...place, address: address ?? '10.9.0.5' });
    },
    settle: async (ids) => {
      settled.push(...ids);
      await Promise.resolve();
    },
    engineNetwork: (reference) => (reference === 'net' ? 'net-id' : undefined),
  };
  const handle = daemonRoutes({
    engine,
    manager: { ...engine, socketPath: '/manager.sock' },
    membership: {
      state: {
        kind: 'worker',
        nodeId: 'n',
        clusterId: 'c',
        address: '192.0.2.1',
        trouble: '',
        managers: [],
      },
      isLost: false,
      join: nobody,
      findAgain: nobody,
      leave: nobody,
    },
    attachments,
    resolveAddress: nobody,
    clock: new SystemClock(),
    logger: { debug: silent, info: silent, warn: silent, error: silent },
    productVersion: '1.2.3',
  });
  const post: Site['post'] = async (path, body) => {
    const reply = await handle({
      method: 'POST',
      path,
      query: new URLSearchParams(),
      headers: {},
      signal: new AbortController().signal,
      body: async () => await Promise.resolve(new TextEncoder().encode(JSON.stringify(body))),
    });
    if (reply.kind === 'forward') return { status: 0, text: `${reply.socketPath} ${reply.target}` };
    assert.ok(reply.kind === 'whole');
    const { body: text = '' } = reply;
    const shown = typeof text === 'string' ? text : new TextDecoder().decode(text);
    return { status: reply.status, text: shown };
  };
  return { asked, settled, wanted, post };
}

const create = '/containers/create';

test('a container is made with the address that the cluster gives, on the network that carries it', async () => {
  const one = site();
  const document = { Image: 'x', HostConfig: { NetworkMode: 'net', Dns: ['192.0.2.53'] } };
  const { status, text } = await one.post(create, document);
  assert.deepEqual([status, text], [201, '{"Id":"c1"}']);
  assert.deepEqual(one.asked, [
    {
      line: 'POST /v1.41/containers/create',
      body: {
        Image: 'x',
        HostConfig: { NetworkMode: 'net-id', Dns: ['10.9.0.1', '192.0.2.53'] },
        NetworkingConfig: {
          EndpointsConfig: { 'net-id': { IPAMConfig: { IPv4Address: '10.9.0.5' } } },
        },
      },
    },
  ]);
  assert.deepEqual(one.settled, ['p1']);
});

test('aliases go along, and an address that a person names is asked for', async () => {
  const one = site();
  const endpoint = { Aliases: ['db'], IPAMConfig: { IPv4Address: '10.9.0.77' } };
  await one.post(create, {
    HostConfig: { NetworkMode: 'net' },
    NetworkingConfig: { EndpointsConfig: { net: endpoint } },
  });
  assert.deepEqual(one.wanted, [['net', '10.9.0.77']]);
  assert.deepEqual(one.asked[0]?.body, {
    HostConfig: { NetworkMode: 'net-id', Dns: ['10.9.0.1'] },
    NetworkingConfig: { EndpointsConfig: { 'net-id': endpoint } },
  });
});

test('what the engine refuses gives the place back', async () => {
  const one = site({ createStatus: 404 });
  const { status, text } = await one.post(create, { HostConfig: { NetworkMode: 'net' } });
  assert.deepEqual([status, text], [404, '{"message":"No such image: x"}']);
  assert.deepEqual(one.settled, ['p1']);
});

test('networks of the machine, and names that nobody has, are the engine’s to judge', async () => {
  const one = site();
  for (const mode of ['mine', 'nope', 'bridge', 'container:a', '']) {
    const { text } = await one.post(create, { HostConfig: { NetworkMode: mode } });
    assert.equal(text, '/engine.sock /v1.41/containers/create', mode);
  }
  assert.deepEqual(one.wanted, [['nope', undefined]]);
});

test('why there is no place is said in Swarm’s words', async () => {
  const said: Record<string, readonly [number, string]> = {};
  for (const name of ['closed', 'full', 'away']) {
    const { status, text } = await site().post(create, { HostConfig: { NetworkMode: name } });
    said[name] = [status, (JSON.parse(text) as { readonly message: string }).message];
  }
  const refused = (name: string): string =>
    `Could not attach to network ${name}: rpc error: code =`;
  assert.deepEqual(said, {
    closed: [
      403,
      `${refused('closed')} PermissionDenied desc = network closed not manually attachable`,
    ],
    full: [507, `${refused('full')} ResourceExhausted desc = no address is left`],
    away: [503, 'no manager answers'],
  });
});

test('a container that is there joins a network, once', async () => {
  const one = site();
  const joined = await one.post('/networks/net/connect', { Container: 'new' });
  assert.equal(joined.status, 201);
  const IPAMConfig = { IPv4Address: '10.9.0.5' };
  assert.deepEqual(one.asked, [
    {
      line: 'POST /v1.41/networks/net-id/connect',
      body: { Container: 'new', EndpointConfig: { IPAMConfig } },
    },
  ]);
  const again = await one.post('/networks/net/connect', { Container: 'old' });
  assert.match(again.text, /"old is already attached to network net"/);
  assert.deepEqual([one.asked.length, one.settled], [1, ['p1', 'p1']]);
  const missing = await one.post('/networks/nope/connect', { Container: 'new' });
  assert.match(missing.text, /Could not attach to network nope: rpc error: code = NotFound desc/);
  const own = await one.post('/networks/mine/connect', { Container: 'new' });
  assert.equal(own.text, '/engine.sock /v1.41/networks/mine/connect');
});

test('a container leaves a network by the name that it has in the cluster', async () => {
  const one = site();
  const body = { Container: 'old', Force: true };
  await one.post('/networks/net/disconnect', body);
  assert.deepEqual(one.asked, [{ line: 'POST /v1.41/networks/net-id/disconnect', body }]);
  for (const name of ['mine', 'nope']) {
    const { text } = await one.post(`/networks/${name}/disconnect`, body);
    assert.equal(text, `/engine.sock /v1.41/networks/${name}/disconnect`);
  }
});
