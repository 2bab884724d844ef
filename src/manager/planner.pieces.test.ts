import assert from 'node:assert/strict';
import { test } from 'node:test';
import { declare, ManagerWorld } from '../../sim/manager-world.ts';
import type { Rounds } from './round.ts';

/** Counts what each round is given. */
function counting(given: { units: number; ends: number }[]): (rounds: Rounds) => Rounds {
  return (rounds) => ({
    addressReuse: rounds.addressReuse,
    committed: (change) => rounds.committed(change),
    reload: () => rounds.reload(),
    run(tx, work, context) {
      const units = [...work.units];
      const ends = [...work.ends];
      given.push({ units: units.length, ends: ends.length });
      return rounds.run(tx, { ...work, units, ends }, context);
    },
  });
}

test('a service of 3,000 replicas is made, updated and removed in short transactions', async () => {
  const given: { units: number; ends: number }[] = [];
  const { world } = await ManagerWorld.withCluster({ wrapRounds: counting(given) });
  const longest = (): void => {
    const rows = Math.max(...world.commits.map((commit) => commit.changes.length));
    assert.ok(rows <= 1_200, `a commit changed ${rows} rows`);
    world.commits.length = 0;
  };
  const update = { parallelism: 0 };
  const service = await world.control.createService(declare('big', 3_000, { spec: { update } }));
  await world.settle();
  assert.equal(world.liveTasks(service).length, 3_000);
  longest();
  const next = declare('big', 3_000, { spec: { update }, container: { image: 'bb:2' } });
  await world.control.updateService(service.id, next, { version: service.version });
  await world.pass(20_000);
  const updated = world.control.view.services.get(service.id);
  assert.ok(updated);
  assert.equal(updated.update?.state, 'completed');
  assert.equal(world.control.view.tasks.count('current', updated.templateId), 3_000);
  longest();
  await world.control.removeService(service.id);
  await world.settle();
  assert.equal(world.control.view.tasks.size + world.control.view.services.size, 0);
  longest();
  assert.ok(Math.max(...given.map(({ units }) => units)) <= 2_000);
  assert.ok(Math.max(...given.map(({ ends }) => ends)) <= 125);
});

test('who asks while a large service is made does not wait until all of it is there', async () => {
  const { world } = await ManagerWorld.withCluster();
  const big = await world.control.createService(declare('big', 3_000));
  assert.ok(world.liveTasks(big).length < 3_000);
  const small = await world.control.createService(declare('small', 1));
  assert.ok(world.liveTasks(big).length < 3_000);
  assert.equal(world.control.view.services.get(small.id)?.spec.name, 'small');
  await world.settle();
  assert.equal(world.liveTasks(big).length, 3_000);
  assert.equal(world.liveTasks(small).length, 1);
});

test('a manager that dies between the pieces of a new placement goes on slot by slot', async () => {
  const { world } = await ManagerWorld.withCluster();
  const other = world.agent('node-2', { hostname: 'vm2' });
  await other.connect();
  await world.settle();
  const update = { parallelism: 2, monitorMs: 0 };
  const service = await world.control.createService(declare('w', 1_200, { spec: { update } }));
  await world.settle();
  const placement = {
    constraints: ['node.hostname==vm'],
    preferences: [],
    maxReplicasPerNode: 0,
    platforms: [],
  };
  const moved = declare('w', 1_200, { spec: { update, placement } });
  await world.control.updateService(service.id, moved, { version: service.version });
  world.crashManager();
  await world.clock.settle();
  await world.startManager();
  const { view } = world.control;
  const marked = [...view.tasks.by('live', service.id)].filter((task) => task.misplaced === true);
  assert.ok(marked.length > 0 && marked.length < 600, `${marked.length} marked before the crash`);
  let most = 0;
  world.control.onCommit(() => {
    const outgoing = [...view.tasks.by('live', service.id)].filter((task) => task.outgoing);
    most = Math.max(most, outgoing.length);
  });
  for (const agent of world.agents) await agent.connect();
  await world.pass(1_000);
  assert.equal(most, 2, 'tasks that an update moves at the same time');
  const left = [...view.tasks.by('node', 'node-2')].filter((task) => task.end === undefined);
  assert.deepEqual(left, []);
  assert.equal(view.services.get(service.id)?.update?.state, 'completed');
});

test('1,200 tasks that no node can take all say why, and all go when one can', async () => {
  const given: { units: number; ends: number }[] = [];
  const { world } = await ManagerWorld.withCluster({ wrapRounds: counting(given) });
  const placement = {
    constraints: ['node.hostname==vm2'],
    preferences: [],
    maxReplicasPerNode: 0,
    platforms: [],
  };
  const service = await world.control.createService(declare('w', 1_200, { spec: { placement } }));
  await world.settle();
  const statuses = world.liveTasks(service).map((task) => world.control.taskStatus(task));
  assert.equal(statuses.length, 1_200);
  assert.ok(statuses.every((status) => status.reason?.code === 'constraint-unmet'));
  const rounds = given.length;
  await world.settle();
  assert.equal(given.length, rounds, 'nothing is tried again before something happens');
  await world.agent('node-2', { hostname: 'vm2' }).connect();
  await world.settle();
  assert.ok(world.liveTasks(service).every((task) => task.nodeId === 'node-2'));
});

test('an end makes nobody try what still has no place, and everybody what has one now', async () => {
  const tried: number[] = [];
  const wrapRounds = (rounds: Rounds): Rounds => ({
    addressReuse: rounds.addressReuse,
    committed: (change) => rounds.committed(change),
    reload: () => rounds.reload(),
    run(tx, work, context) {
      const outcome = rounds.run(tx, work, context);
      tried.push(outcome.refusals.size);
      return outcome;
    },
  });
  const { world, agent } = await ManagerWorld.withCluster({ wrapRounds });
  const reserving = (gibibytes: number) => ({
    container: { reservations: { memoryBytes: gibibytes * 1024 ** 3 } },
  });
  const large = await world.control.createService(declare('large', 1, reserving(10)));
  const small = await world.control.createService(declare('small', 1));
  const waiting = await world.control.createService(declare('waiting', 200, reserving(8)));
  await world.settle();
  assert.equal(world.control.view.tasks.count('unplaced', waiting.id), 200);
  tried.length = 0;
  const [task] = world.liveTasks(small);
  await agent.report(task?.id ?? '', { state: 'failed' });
  await world.settle();
  assert.notEqual(world.liveTasks(small)[0]?.id, task?.id);
  assert.deepEqual(new Set(tried), new Set([0]), 'tasks that were refused again');
  await world.control.removeService(large.id);
  await world.settle();
  assert.equal(world.control.view.tasks.count('unplaced', waiting.id), 198);
  const [, , third] = world.liveTasks(waiting);
  assert.ok(third);
  assert.match(world.control.taskStatus(third).reason?.hint ?? '', /needs 8 GiB, free 0 bytes/);
});
