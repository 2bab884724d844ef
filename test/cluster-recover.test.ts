import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SimulatedRuntime } from '../sim/runtime.ts';
import type { RecoveryOutlook } from '../src/model/recovery.ts';
import { startSeatedAgent } from './managers/seated-agent.ts';
import { SeatedCluster, type SeatedProcess } from './managers/seated-cluster.ts';

const patienceMs = 30_000;
const lookEveryMs = 20;
const recoveryPath = '/tutti/v1/recovery';

let cluster: SeatedCluster;
let engine: SimulatedRuntime;
let survivor: SeatedProcess;
let lost: readonly SeatedProcess[];
const stop = new AbortController();
/** Names of configs whose creation was acknowledged. */
const acknowledged: string[] = [];

before(async () => {
  cluster = await SeatedCluster.start(3);
  assert.ok(cluster.worker !== undefined);
  engine = startSeatedAgent(cluster.worker, stop.signal);
  const service = {
    Name: 'web',
    Mode: { Replicated: { Replicas: 2 } },
    TaskTemplate: { ContainerSpec: { Image: 'plain:1' } },
  };
  const leader = await cluster.leader();
  assert.equal((await leader.ask('POST', '/services/create', service))?.status, 201);
  await until('all replicas run', async () => runningIds().length === 2);
  const follower = cluster.managers.find((manager) => manager !== leader);
  assert.ok(follower !== undefined);
  survivor = follower;
  lost = cluster.managers.filter((manager) => manager !== survivor);
});

after(async () => {
  stop.abort();
  await cluster[Symbol.asyncDispose]();
});

it('a manager refuses to go on alone while a majority answers, and says why', async () => {
  for (const manager of cluster.managers) {
    const { refusal } = await outlook(manager);
    assert.match(refusal?.message ?? '', /^[123] of 3 managers answer, and they work/);
    const refused = await manager.ask('POST', recoveryPath, {});
    assert.equal(refused?.status, 400);
    assert.match(JSON.stringify(refused.value), /there is nothing to recover/);
  }
});

it('the last manager goes on with all that was acknowledged, and touches no container', async (t) => {
  for (let index = 0; index < 5; index += 1) await write(survivor, `before-${index}`);
  // What a follower has not heard yet when the others are lost is lost with them.
  const written = (await outlook(await cluster.leader())).revision ?? assert.fail();
  await until(
    'it has heard of them',
    async () => ((await outlook(survivor)).revision ?? 0) >= written,
  );
  const ran = runningIds();
  const { value: before_ } = (await survivor.ask('GET', '/swarm')) ?? {};
  for (const manager of lost) {
    manager.signal('SIGKILL');
    manager.signalEtcd('SIGKILL');
  }
  await until(
    'the store answers no more',
    async () => (await outlook(survivor)).refusal === undefined,
  );
  const { managers, nodeId, revision } = await outlook(survivor);
  assert.equal(nodeId, survivor.nodeId);
  assert.deepEqual(
    managers.filter(({ answers }) => answers).map((one) => one.nodeId),
    [nodeId],
  );
  assert.ok(revision !== undefined && revision > 0);

  const at = performance.now();
  await recover(survivor);
  await write(survivor, 'after');
  t.diagnostic(`a write ${Math.round(performance.now() - at)} ms after the recovery was asked for`);

  await assertNothingLost();
  const { value: now } = (await survivor.ask('GET', '/swarm')) ?? {};
  const same = (swarm: unknown): unknown => {
    const { ID, CreatedAt, JoinTokens, TLSInfo, Spec } = swarm as Record<string, unknown>;
    return { ID, CreatedAt, JoinTokens, TLSInfo, Spec };
  };
  assert.deepEqual(same(now), same(before_), 'it is the same cluster');
  await until(
    'the node of the agent is ready',
    async () => (await nodes()).get('worker0')?.state === 'ready',
  );
  assert.deepEqual(runningIds(), ran, 'no container was touched');
  assert.ok(epochOf(survivor) > 1_000, 'what lost managers say is over');
});

it('lost managers are workers that are down, and the snapshot from before is kept', async () => {
  const [first = ''] = lost.map(({ nodeId }) => nodeId);
  await until('they are down', async () => (await nodes()).get(first)?.state === 'down');
  const rows = await nodes();
  assert.equal(rows.get(survivor.nodeId)?.manager, 'leader');
  for (const { nodeId } of lost) {
    const { role, state, manager, message } = rows.get(nodeId) ?? assert.fail();
    assert.deepEqual([role, state, manager], ['worker', 'down', 'none']);
    assert.match(message, /given up when the cluster was recovered without it/);
  }
  const { value } = (await survivor.ask('GET', '/tutti/v1/backups')) ?? {};
  const { snapshots } = value as { snapshots: readonly { header: { why: string } }[] };
  assert.equal(snapshots.filter(({ header }) => header.why === 'recovery').length, 1);
});

it('lost managers that come back lead nobody, and change nothing', async () => {
  for (const manager of lost) manager.start();
  await until('their etcd heard that it is over', async () => {
    const logs = await Promise.all(
      lost.map(async ({ layout }) => await readFile(`${layout.etcdDirectory}/etcd.log`, 'utf8')),
    );
    return logs.every((log) => /removed/.test(log));
  });
  await write(survivor, 'beside-the-lost');
  await assertNothingLost();
  assert.equal((await nodes()).get(survivor.nodeId)?.manager, 'leader');
});

/** As the daemon does: the next manager starts once the one before has ended. */
async function recover(manager: SeatedProcess): Promise<void> {
  const pid = Number(await readFile(manager.layout.managerPidPath, 'utf8'));
  const begun = await manager.ask('POST', recoveryPath, {});
  assert.equal(begun?.status, 202, JSON.stringify(begun));
  await until('the manager ended', async () => {
    return await readFile(`/proc/${pid}/stat`, 'utf8').then(
      (text) => text.includes(') Z '),
      () => true,
    );
  });
  manager.start();
}

async function outlook(manager: SeatedProcess): Promise<RecoveryOutlook> {
  const said = await manager.ask('GET', recoveryPath);
  assert.equal(said?.status, 200, JSON.stringify(said));
  return said.value as RecoveryOutlook;
}

async function write(manager: SeatedProcess, name: string): Promise<void> {
  let attempt = 0;
  await until(`a write ${name} is acknowledged`, async () => {
    attempt += 1;
    const config = { Name: `${name}.${attempt}`, Data: 'YQ==', Labels: {} };
    const made = await manager.ask('POST', '/configs/create', config);
    if (made?.status === 201) acknowledged.push(config.Name);
    return made?.status === 201;
  });
}

async function assertNothingLost(): Promise<void> {
  const { value } = (await survivor.ask('GET', '/configs')) ?? {};
  const names = new Set(
    (value as readonly { Spec: { Name: string } }[]).map((one) => one.Spec.Name),
  );
  assert.deepEqual(
    acknowledged.filter((name) => !names.has(name)),
    [],
  );
}

interface NodeState {
  readonly role: string;
  readonly state: string;
  readonly message: string;
  readonly manager: 'leader' | 'other' | 'none';
}

async function nodes(): Promise<ReadonlyMap<string, NodeState>> {
  const { value } = (await survivor.ask('GET', '/nodes')) ?? {};
  const rows = value as readonly {
    ID: string;
    Spec: { Role: string };
    Status: { State: string; Message?: string };
    ManagerStatus?: { Leader?: boolean };
  }[];
  return new Map(
    rows.map(({ ID, Spec, Status, ManagerStatus }) => {
      const others = ManagerStatus === undefined ? 'none' : 'other';
      const manager = ManagerStatus?.Leader === true ? 'leader' : others;
      const { State: state, Message: message = '' } = Status;
      return [ID, { role: Spec.Role, state, message, manager }];
    }),
  );
}

/** The highest that the manager has led under. */
function epochOf({ log }: SeatedProcess): number {
  const lines = log.split('\n').filter((line) => line.includes('this manager leads'));
  return Math.max(...lines.map((line) => (JSON.parse(line) as { epoch: number }).epoch));
}

function runningIds(): readonly string[] {
  return [...engine.containers.values()]
    .filter(({ state }) => state === 'running')
    .map(({ id }) => id)
    .toSorted();
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const giveUpAt = Date.now() + patienceMs;
  while (!(await holds())) {
    assert.ok(Date.now() < giveUpAt, `it did not come about that ${what}`);
    await sleep(lookEveryMs);
  }
}
