import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TuttiError } from '../lib/error.ts';
import { hostPlaces } from './places.ts';
import { type PlaygroundRequest, planPlayground, subnetsOfRoutes } from './plan.ts';
import type { PlaygroundState } from './state.ts';

const small: PlaygroundRequest = { name: 'demo', managers: 1, workers: 2 };

test('managers come first, and every host has an address of the subnet', () => {
  const state = planPlayground(small, { id: 'abc', taken: [] });
  assert.equal(state.subnet, '198.18.0.0/24');
  assert.equal(state.machineAddress, '198.18.0.1');
  assert.deepEqual(
    state.hosts.map(({ name, role, address }) => `${name} ${role} ${address}`),
    ['manager-1 manager 198.18.0.2', 'worker-1 worker 198.18.0.3', 'worker-2 worker 198.18.0.4'],
  );
  assert.equal(state.phase, 'making');
});

test('hosts of Docker Swarm have their engine for an API, without a daemon beside it', () => {
  const swarm = planPlayground({ ...small, orchestrator: 'swarm' }, { id: 'abc', taken: [] });
  const tutti = planPlayground(small, { id: 'abc', taken: [] });
  const socketsOf = (state: PlaygroundState) => {
    const { apiSocket, engineSocket } = hostPlaces(state, { name: 'worker-1' });
    return [apiSocket, engineSocket].map((path) => path.split('/').at(-1));
  };
  assert.deepEqual(socketsOf(swarm), ['docker.sock', 'docker.sock']);
  assert.deepEqual(socketsOf(tutti), ['tutti.sock', 'docker.sock']);
});

test('a subnet that the machine has, also as a part or a whole of it, is not taken', () => {
  const subnetBeside = (...taken: readonly string[]) =>
    planPlayground(small, { id: 'abc', taken }).subnet;
  assert.equal(subnetBeside('198.18.0.0/24'), '198.18.1.0/24');
  assert.equal(subnetBeside('198.18.0.7/32', '198.18.1.128/25'), '198.18.2.0/24');
  assert.equal(subnetBeside('198.18.0.0/16'), '198.19.0.0/24');
  assert.equal(subnetBeside('10.0.0.0/8', '192.0.2.0/24'), '198.18.0.0/24');
  assert.throws(
    () => subnetBeside('198.18.0.0/15'),
    (error) => error instanceof TuttiError && error.code === 'resource-exhausted',
  );
});

test('what is no plan is refused by the name of its option', () => {
  const cases: readonly [Partial<PlaygroundRequest>, RegExp][] = [
    [{ name: '' }, /--name: .* found ""/],
    [{ name: 'Demo' }, /--name/],
    [{ name: '../etc' }, /--name/],
    [{ name: 'a-name-of-21-letters-' }, /--name/],
    [{ managers: 0 }, /--managers: .* at least 1, found 0/],
    [{ managers: 8 }, /--managers: .* at most 7 managers, found 8/],
    [{ workers: -1 }, /--workers: .* at least 0/],
    [{ workers: 1.5 }, /--workers/],
    [{ workers: 100 }, /--workers: .* at most 100 hosts, found 101/],
  ];
  for (const [change, says] of cases) {
    assert.throws(() => planPlayground({ ...small, ...change }, { id: 'abc', taken: [] }), says);
  }
});

test('the way out to everywhere takes no subnet, all other routes do', () => {
  const routes = [
    { dst: 'default', gateway: '192.0.2.1' },
    { dst: '192.0.2.0/24', dev: 'eth0' },
    { dst: '192.0.2.2', dev: 'eth0', type: 'local' },
    { type: 'blackhole', dst: '198.18.0.0/24' },
  ];
  assert.deepEqual(subnetsOfRoutes(JSON.stringify(routes)), [
    '192.0.2.0/24',
    '192.0.2.2/32',
    '198.18.0.0/24',
  ]);
  assert.deepEqual(subnetsOfRoutes(''), []);
});
