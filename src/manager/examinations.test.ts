import assert from 'node:assert/strict';
import { test } from 'node:test';
import { declare, ManagerWorld } from '../../sim/manager-world.ts';
import type { ClusterExamination, ExaminationStep } from '../model/network-examination.ts';
import { parseManagerMessage } from '../wire/parse.ts';

const never = new AbortController().signal;

const examination = {
  at: 1,
  linkMtu: 1_500,
  dataPath: { kind: 'not-asked' },
  ports: [],
  names: [],
  kernel: { differences: [], repairs: [], bridgeFilter: 'on' },
  dropPolicies: [],
} as const;

async function collect(steps: AsyncIterable<ExaminationStep>): Promise<readonly ExaminationStep[]> {
  return await Array.fromAsync(steps);
}

function seen(steps: readonly ExaminationStep[]): ClusterExamination {
  const last = steps.at(-1);
  assert.equal(last?.kind, 'seen');
  return last.examination;
}

test('every node is asked with its peers and the ports that are ready, and told to end', async () => {
  const { world, agent } = await ManagerWorld.withCluster();
  const port = { protocol: 'tcp', targetPort: 80, mode: 'ingress' } as const;
  const spec = { ports: [{ ...port, publishedPort: 8_080 }] };
  await world.control.createService(declare('web', 1, { spec }));
  const idle = { ports: [{ ...port, publishedPort: 8_081 }] };
  await world.control.createService(declare('idle', 0, { spec: idle }));
  await world.settle();
  const steps = collect(world.control.examineNetwork(never));
  await world.settle();
  const [asked] = agent.heard.filter((message) => message.kind === 'examine');
  assert.ok(asked);
  assert.deepEqual(asked.order.peers, []);
  assert.equal(asked.order.self?.place, 1);
  assert.deepEqual(asked.order.ports, [{ port: 8_080, service: 'web' }]);
  await agent.send({ kind: 'examined', requestId: 'of another look', examination });
  await agent.send({ kind: 'examined', requestId: asked.requestId, examination });
  const told = await steps;
  assert.deepEqual(
    told.map((step) => (step.kind === 'progress' ? step.waitingFor.length : step.kind)),
    [1, 0, 'seen'],
  );
  assert.equal(seen(told).nodes[0]?.outcome.kind, 'examined');
  await world.settle();
  const ends = agent.heard.filter((message) => message.kind === 'cancel');
  assert.deepEqual(ends, [{ kind: 'cancel', requestId: asked.requestId }]);
});

test('a node that is found by IPv6 is named in no order, which agents would not take', async () => {
  const { world, agent } = await ManagerWorld.withCluster();
  const description = { ...agent.description, address: 'fd00::7' };
  await agent.send({ kind: 'description', description });
  await world.settle();
  const steps = collect(world.control.examineNetwork(never));
  await world.settle();
  const [asked] = agent.heard.filter((message) => message.kind === 'examine');
  assert.ok(asked);
  assert.equal(asked.order.self, undefined);
  assert.equal(parseManagerMessage(asked), asked);
  await agent.send({ kind: 'examined', requestId: asked.requestId, examination });
  assert.equal(seen(await steps).nodes[0]?.outcome.kind, 'examined');
});

test('a node that does not answer is named when its time is over', async () => {
  const { world } = await ManagerWorld.withCluster();
  const steps = collect(world.control.examineNetwork(never));
  await world.settle();
  await world.pass(20_000);
  const [node] = seen(await steps).nodes;
  assert.equal(node?.outcome.kind, 'failed');
  assert.match(node.outcome.message, /within 20 s/);
});

test('a node that breaks off is named at once, and one that is away is not waited for', async () => {
  const { world, agent } = await ManagerWorld.withCluster();
  const first = collect(world.control.examineNetwork(never));
  await world.settle();
  agent.disconnect();
  const [node] = seen(await first).nodes;
  assert.match(node?.outcome.kind === 'failed' ? node.outcome.message : '', /session .* ended/);
  const [away] = seen(await collect(world.control.examineNetwork(never))).nodes;
  assert.match(away?.outcome.kind === 'failed' ? away.outcome.message : '', /has no session/);
});

test('there is one look at a time, and none without a cluster', async () => {
  const { world } = await ManagerWorld.withCluster();
  const stop = new AbortController();
  const first = collect(world.control.examineNetwork(stop.signal));
  await world.settle();
  await assert.rejects(collect(world.control.examineNetwork(never)), { code: 'conflict' });
  stop.abort();
  await world.settle();
  assert.equal((await first).at(-1)?.kind, 'progress');
});
