import assert from 'node:assert/strict';
import { test } from 'node:test';
import { askApi } from '../../sim/ask-api.ts';
import { declare, ManagerWorld } from '../../sim/manager-world.ts';
import type { RebalancePlan, RebalanceReport } from '../model/rebalance.ts';

/** Four tasks of `w` on the first of two nodes. */
async function crowded(): Promise<ManagerWorld> {
  const { world } = await ManagerWorld.withCluster();
  await world.control.createService(declare('w', 4));
  await world.settle();
  await world.agent('node-2', { hostname: 'vm2' }).connect();
  await world.settle();
  return world;
}

test('a rebalance is planned, begun, reported and stopped over the API', async () => {
  const { control } = await crowded();
  const planned = await askApi(control, { method: 'POST', path: 'rebalance/plan', body: {} });
  const { moves } = planned.json as RebalancePlan;
  assert.deepEqual(
    moves.map(({ service, slot, from, to }) => `${service}.${slot} ${from} ${to}`),
    ['w.4 vm vm2', 'w.3 vm vm2'],
  );
  const body = { services: ['w'] };
  const begun = await askApi(control, { method: 'POST', path: 'rebalance', body });
  assert.deepEqual([begun.status, begun.json], [200, planned.json]);
  const report = (await askApi(control, { method: 'GET', path: 'rebalance' }))
    .json as RebalanceReport;
  assert.deepEqual([report.running, report.services[0]?.service], [true, 'w']);
  const stopped = await askApi(control, { method: 'DELETE', path: 'rebalance' });
  assert.deepEqual(stopped.json, { stopped: ['w'] });
});

test('what is no request for a rebalance is refused by name, and changes nothing', async () => {
  const { control } = await crowded();
  const { revision } = control.view;
  const refused: unknown[] = [];
  for (const body of [null, [], { services: 'w' }, { services: [1] }, { all: true }]) {
    const { status, json } = await askApi(control, { method: 'POST', path: 'rebalance', body });
    refused.push([status, (json as { field: string }).field]);
  }
  assert.deepEqual(refused, [
    [400, 'body'],
    [400, 'body'],
    [400, 'body.services'],
    [400, 'body.services.0'],
    [400, 'body'],
  ]);
  const unknown = { method: 'POST', path: 'rebalance', body: { services: ['nobody'] } };
  assert.equal((await askApi(control, unknown)).status, 404);
  assert.equal((await askApi(control, { method: 'PUT', path: 'rebalance' })).status, 404);
  assert.equal(control.view.revision, revision);
});
