import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SimulatedRuntime } from '../sim/runtime.ts';
import { SeatedCluster, type SeatedProcess } from './managers/seated-cluster.ts';
import { startSeatedAgent } from './managers/seated-agent.ts';

const replicas = 4;
const patienceMs = 40_000;
const lookEveryMs = 20;

let cluster: SeatedCluster;
let engine: SimulatedRuntime;
const stop = new AbortController();
/** Names of configs whose creation was acknowledged, by any manager. */
const acknowledged: string[] = [];

before(async () => {
  cluster = await SeatedCluster.start(3);
  assert.ok(cluster.worker !== undefined);
  engine = startSeatedAgent(cluster.worker, stop.signal);
  const leader = await cluster.leader();
  const service = {
    Name: 'web',
    Mode: { Replicated: { Replicas: replicas } },
    TaskTemplate: { ContainerSpec: { Image: 'plain:1' } },
  };
  await until('the service is created', async () => {
    // On a slow machine the lead may change before the first term has begun.
    const created = await leader.ask('POST', '/services/create', service);
    return created?.status === 201 || created?.status === 409;
  });
  await until('all replicas run', () => runningIds().length === replicas);
});

after(async () => {
  stop.abort();
  await cluster[Symbol.asyncDispose]();
});

it('each manager takes writes, and shows at once what was written through another', async () => {
  for (const manager of cluster.managers) {
    await write(manager, `through-${manager.nodeId}`);
    const info = await manager.ask('GET', '/info');
    assert.ok(info !== undefined);
    const { Swarm: swarm } = info.value as { Swarm: { NodeID: string; Managers: number } };
    assert.equal(swarm.NodeID, manager.nodeId);
    assert.equal(swarm.Managers, 3);
  }
  for (const manager of cluster.managers) await assertNothingLost(manager);
});

it('a stream through a follower tells what happens', async () => {
  const leader = await cluster.leader();
  const follower = others(leader)[0];
  assert.ok(follower !== undefined);
  const gone = new AbortController();
  const stream = await follower.api.open({ method: 'GET', target: '/events', signal: gone.signal });
  const events = stream.chunks[Symbol.asyncIterator]();
  await write(leader, 'told');
  const first = await events.next();
  assert.match(Buffer.from(first.value as Uint8Array).toString(), /"Type":"config".*told/);
  gone.abort();
});

const faults = {
  'is killed with its etcd': {
    begin: (leader: SeatedProcess) => {
      leader.signal('SIGKILL');
      leader.signalEtcd('SIGKILL');
    },
    end: (leader: SeatedProcess) => leader.start(),
  },
  'hangs beside an etcd that does not': {
    begin: (leader: SeatedProcess) => leader.signal('SIGSTOP'),
    end: (leader: SeatedProcess) => leader.signal('SIGCONT'),
  },
  'hangs with its etcd': {
    begin: (leader: SeatedProcess) => {
      leader.signal('SIGSTOP');
      leader.signalEtcd('SIGSTOP');
    },
    end: (leader: SeatedProcess) => {
      leader.signalEtcd('SIGCONT');
      leader.signal('SIGCONT');
    },
  },
  'is stopped': {
    begin: (leader: SeatedProcess) => leader.signal('SIGTERM'),
    end: async (leader: SeatedProcess) => {
      await leader.gone();
      leader.start();
    },
  },
  'loses its etcd': {
    begin: (leader: SeatedProcess) => leader.signalEtcd('SIGKILL'),
    end: () => undefined,
  },
} as const;

for (const [fault, { begin, end }] of Object.entries(faults)) {
  it(`the leader ${fault}: another manager's socket takes a write, and nothing else changes`, async (t) => {
    const leader = await cluster.leader();
    const survivor = others(leader)[0];
    assert.ok(survivor !== undefined);
    const ran = runningIds();
    const name = fault.replaceAll(' ', '-');
    await write(survivor, `${name}-before`);
    begin(leader);
    const at = performance.now();
    await write(survivor, `${name}-after`);
    t.diagnostic(`a write ${Math.round(performance.now() - at)} ms after the leader ${fault}`);
    await end(leader);
    await until('the node of the agent is ready', async () => {
      const state = await stateOfWorker(survivor);
      assert.notEqual(state, 'down');
      return state === 'ready';
    });
    await until('the one that had the fault serves', async () => {
      return (await leader.ask('GET', '/configs', undefined, 2_000))?.status === 200;
    });
    for (const manager of cluster.managers) await assertNothingLost(manager);
    assert.deepEqual(runningIds(), ran, 'no container was touched');
  });
}

it('without a majority a manager says how many answer, and serves as soon as another is back', async () => {
  const leader = await cluster.leader();
  const [one, two] = others(leader);
  assert.ok(one !== undefined && two !== undefined);
  for (const manager of [leader, one]) {
    manager.signal('SIGKILL');
    manager.signalEtcd('SIGKILL');
  }
  await until('the third has noticed', async () => {
    const refused = await two.ask('GET', '/configs', undefined, 10_000);
    if (refused?.status !== 503) return false;
    const { message } = refused.value as { message: string };
    return message.startsWith('no manager leads: 1 of 3 managers answers, and 2 must');
  });
  const info = await two.ask('GET', '/info');
  assert.partialDeepStrictEqual(info?.value, { Swarm: { NodeID: two.nodeId, Managers: 3 } });
  assert.match(JSON.stringify(info), /"Error":"no manager leads: 1 of 3/);
  one.start();
  await write(two, 'with-two-of-three');
  leader.start();
  await until('all three serve', async () => {
    return (await leader.ask('GET', '/configs', undefined, 2_000))?.status === 200;
  });
  await assertNothingLost(leader);
});

it('managers that all lose their power at once come back by themselves with all that was acknowledged', async (t) => {
  const ran = runningIds();
  await write(await cluster.leader(), 'before-the-night');
  for (const manager of cluster.managers) {
    manager.signal('SIGKILL');
    manager.signalEtcd('SIGKILL');
  }
  for (const manager of cluster.managers) await manager.gone();
  const at = performance.now();
  for (const manager of cluster.managers) manager.start();
  const [first] = cluster.managers;
  assert.ok(first !== undefined);
  await write(first, 'the-next-day');
  t.diagnostic(`a write ${Math.round(performance.now() - at)} ms after all were started`);
  await until('the node of the agent is ready', async () => {
    return (await stateOfWorker(first)) === 'ready';
  });
  for (const manager of cluster.managers) {
    await until('each serves', async () => (await manager.ask('GET', '/configs'))?.status === 200);
    await assertNothingLost(manager);
  }
  assert.deepEqual(runningIds(), ran, 'no container was touched');
});

/** Until it is acknowledged; what was answered with an error may have been done all the same. */
async function write(manager: SeatedProcess, name: string): Promise<void> {
  const until = Date.now() + patienceMs;
  for (let attempt = 1; Date.now() < until; attempt += 1) {
    const body = { Name: `${name}.${attempt}`, Data: 'YQ==', Labels: {} };
    const answer = await manager.ask('POST', '/configs/create', body);
    if (answer?.status !== 201) continue;
    acknowledged.push(body.Name);
    return;
  }
  throw new Error(`${manager.nodeId} took no write\n${manager.log.slice(-4_000)}`);
}

async function assertNothingLost(manager: SeatedProcess): Promise<void> {
  const answer = await manager.ask('GET', '/configs');
  assert.equal(answer?.status, 200);
  const names = new Set(
    (answer.value as readonly { Spec: { Name: string } }[]).map(({ Spec: spec }) => spec.Name),
  );
  const lost = acknowledged.filter((name) => !names.has(name));
  assert.deepEqual(lost, [], `what ${manager.nodeId} does not know`);
}

async function stateOfWorker(manager: SeatedProcess): Promise<string | undefined> {
  const answer = await manager.ask('GET', '/nodes');
  if (answer?.status !== 200) return undefined;
  const nodes = answer.value as readonly { ID: string; Status: { State: string } }[];
  return nodes.find((node) => node.ID === 'worker0')?.Status.State;
}

function others(leader: SeatedProcess): readonly SeatedProcess[] {
  return cluster.managers.filter((manager) => manager !== leader);
}

function runningIds(): readonly string[] {
  return [...engine.containers.values()]
    .filter(({ state }) => state === 'running')
    .map(({ id }) => id)
    .toSorted();
}

async function until(what: string, isSo: () => Promise<boolean> | boolean): Promise<void> {
  const giveUpAt = Date.now() + patienceMs;
  while (!(await isSo())) {
    if (Date.now() > giveUpAt) {
      const logs = cluster.managers.map(({ nodeId, log }) => `${nodeId}\n${log.slice(-3_000)}`);
      throw new Error(`${what}: not within ${patienceMs} ms\n${logs.join('\n')}`);
    }
    await sleep(lookEveryMs);
  }
}
