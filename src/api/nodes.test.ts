import assert from 'node:assert/strict';
import { test } from 'node:test';
import { askApi } from '../../sim/ask-api.ts';
import { declare, ManagerWorld } from '../../sim/manager-world.ts';
import type { HttpReply } from '../host/http.ts';
import type { DrainReport, NodeInspection, NodeReport } from '../model/report.ts';
import type { UpdateSettings } from '../model/service.ts';
import { apiRoutes } from './routes.ts';

/** Two nodes; four tasks of `w` run on `vm`, and `all` runs on both. */
async function twoNodes(update?: UpdateSettings): Promise<ManagerWorld> {
  const { world } = await ManagerWorld.withCluster();
  const spec = update === undefined ? {} : { spec: { update } };
  await world.control.createService(declare('w', 4, spec));
  await world.settle();
  await world.agent('node-2', { hostname: 'vm2' }).connect();
  await world.settle();
  await world.control.createService(declare('all', 1, { spec: { mode: { kind: 'global' } } }));
  await world.settle();
  return world;
}

function ask(
  world: ManagerWorld,
  method: string,
  of: { readonly path: string; readonly body?: unknown },
): Promise<{ readonly status: number; readonly json: unknown }> {
  return askApi(world.control, { method, ...of });
}

async function drain(world: ManagerWorld): Promise<DrainReport> {
  const body = { availability: 'drain' };
  await ask(world, 'PUT', { path: 'nodes/vm/availability', body });
  return await drainReport(world);
}

async function drainReport(world: ManagerWorld): Promise<DrainReport> {
  return (await ask(world, 'GET', { path: 'nodes/vm/drain' })).json as DrainReport;
}

test('nodes are listed, found by name, id and beginning, and inspected with their tasks', async () => {
  const world = await twoNodes();
  const { json } = await ask(world, 'GET', { path: 'nodes' });
  assert.deepEqual(
    (json as { nodes: NodeReport[] }).nodes.map(({ hostname, tasks }) => [hostname, tasks]),
    [
      ['vm', 5],
      ['vm2', 1],
    ],
  );
  for (const name of ['VM2', 'node-2']) {
    const found = await ask(world, 'GET', { path: `nodes/${name}` });
    assert.deepEqual(
      (found.json as NodeInspection).onIt.map((task) => task.name),
      ['all.vm2'],
    );
  }
  const both = await ask(world, 'GET', { path: 'nodes/node' });
  assert.equal(both.status, 400);
  assert.match((both.json as { message: string }).message, /^node node is ambiguous/);
  assert.equal((await ask(world, 'GET', { path: 'nodes/nobody' })).status, 404);
});

test('a drain says of each task whether it waits, moves or stops, and why', async () => {
  const world = await twoNodes();
  for (const agent of world.agents) agent.obedient = false;
  const { left } = await drain(world);
  await world.settle();
  assert.deepEqual(
    left.map(({ name, step }) => `${name} ${step}`),
    ['all.vm stops', 'w.1 moves', 'w.2 waits', 'w.3 waits', 'w.4 waits'],
  );
  assert.match(left[1]?.why ?? '', /its successor on vm2 is assigned/);
  assert.equal(
    left[2]?.why,
    'it waits for its turn: w has at most 1 replaced at a time, and is busy with 1 of its tasks',
  );
});

test('a drained node comes to be empty, and says which services stopped on it', async () => {
  const world = await twoNodes();
  await drain(world);
  await world.pass(10_000);
  const { left, waiting, stopped, notes } = await drainReport(world);
  assert.deepEqual([left, waiting, stopped, notes], [[], [], ['all'], []]);
});

test('what has no other place is named with the reason, and data that stays behind', async () => {
  const world = await twoNodes();
  const volume = { type: 'volume', source: 'data', target: '/d', readOnly: false } as const;
  const placement = {
    constraints: ['node.hostname==vm'],
    preferences: [],
    maxReplicasPerNode: 0,
    platforms: [],
  };
  await world.control.createService(
    declare('db', 1, { spec: { placement }, container: { mounts: [volume] } }),
  );
  await world.settle();
  await drain(world);
  await world.pass(10_000);
  const { left, waiting, notes } = await drainReport(world);
  assert.deepEqual(left, []);
  assert.deepEqual(
    waiting.map(({ name }) => name),
    ['db.1'],
  );
  assert.match(waiting[0]?.reason?.message ?? '', /constraints not satisfied on 1 node/);
  assert.deepEqual(notes, ['volume data of db stays on vm; its tasks elsewhere lack it']);
});

test('a successor that fails is told with its reason, and its task stays', async () => {
  const world = await twoNodes();
  const [, other] = world.agents;
  assert.ok(other);
  other.obedient = false;
  await drain(world);
  const successor = [...world.control.view.tasks.by('node', 'node-2')].find(
    (task) => task.move !== undefined,
  );
  const reason = {
    code: 'image-missing',
    message: 'No such image: bb:1',
    since: world.control.now(),
  } as const;
  await other.report(successor?.id ?? '', { state: 'rejected', reason });
  await world.settle();
  const { left } = await drainReport(world);
  const moving = left.find((task) => task.step === 'moves');
  assert.match(moving?.why ?? '', /failed and is tried again: No such image: bb:1|No such image/);
  assert.equal(left.filter(({ name }) => name.startsWith('w.')).length, 4);
});

test('the same availability again changes nothing, and others are refused', async () => {
  const world = await twoNodes();
  const { revision } = world.control.view;
  const body = { availability: 'active' };
  await ask(world, 'PUT', { path: 'nodes/vm/availability', body });
  assert.equal(world.control.view.revision, revision);
  for (const wrong of [{ availability: 'off' }, { availability: 1 }, [], null, {}]) {
    const refused = await ask(world, 'PUT', { path: 'nodes/vm/availability', body: wrong });
    assert.equal(refused.status, 400);
    assert.match((refused.json as { field: string }).field, /^body(?:\.availability)?$/);
  }
  assert.equal((await ask(world, 'POST', { path: 'nodes/vm/reboot' })).status, 404);
});

test('a drain is watched: each change of a task gives another report', async () => {
  const world = await twoNodes();
  const stop = new AbortController();
  const reply: HttpReply = await apiRoutes(world.control)({
    method: 'GET',
    path: '/tutti/v1/nodes/vm/watch',
    query: new URLSearchParams(),
    headers: {},
    signal: stop.signal,
    body: async () => new Uint8Array(),
  });
  if (reply.kind !== 'stream') return assert.fail('it is no stream');
  const lines = reply.chunks[Symbol.asyncIterator]();
  const next = async (): Promise<DrainReport> =>
    JSON.parse(String((await lines.next()).value)) as DrainReport;
  assert.equal((await next()).left.length, 5);
  const changed = next();
  await drain(world);
  assert.equal((await changed).node.availability, 'drain');
  stop.abort();
});
