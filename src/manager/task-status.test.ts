import assert from 'node:assert/strict';
import { test } from 'node:test';
import { declare, ManagerWorld } from '../../sim/manager-world.ts';
import type { ScriptedAgent } from '../../sim/scripted-agent.ts';
import { Prng } from '../lib/prng.ts';
import { type ReasonCode, reasonCodes } from '../model/reason.ts';
import type { Service } from '../model/service.ts';
import type { Task } from '../model/task.ts';
import { taskStates } from '../model/task-state.ts';

interface Scene {
  readonly world: ManagerWorld;
  readonly agent: ScriptedAgent;
}

async function first(scene: Scene, service: Service): Promise<Task> {
  await scene.world.settle();
  const [task] = scene.world.liveTasks(service);
  assert.ok(task);
  return task;
}

/** How a task comes to stand still, and the code that says so. */
const scenes: readonly (readonly [ReasonCode, (scene: Scene) => Promise<Task>])[] = [
  [
    'no-node-ready',
    async (scene) => {
      scene.agent.disconnect();
      await scene.world.settle();
      return await first(scene, await scene.world.control.createService(declare('w', 1)));
    },
  ],
  [
    'insufficient-resources',
    async (scene) => {
      const container = { reservations: { memoryBytes: 1024 ** 4 } };
      const declaration = declare('w', 1, { container });
      return await first(scene, await scene.world.control.createService(declaration));
    },
  ],
  [
    'awaiting-node',
    async (scene) => {
      scene.agent.obedient = false;
      return await first(scene, await scene.world.control.createService(declare('w', 1)));
    },
  ],
  [
    'node-unreachable',
    async (scene) => {
      scene.agent.obedient = false;
      const task = await first(scene, await scene.world.control.createService(declare('w', 1)));
      scene.agent.disconnect();
      return task;
    },
  ],
  [
    'pulling-image',
    async (scene) => {
      scene.agent.obedient = false;
      const task = await first(scene, await scene.world.control.createService(declare('w', 1)));
      const reason = { code: 'pulling-image', message: 'bb:1 is pulled', since: 0 } as const;
      await scene.agent.report(task.id, { state: 'preparing', reason });
      return task;
    },
  ],
  [
    'waiting-for-dependency',
    async (scene) => {
      await scene.world.control.createService(declare('db', 0));
      const dependsOn = [{ service: 'db', condition: 'healthy', required: true }] as const;
      const declaration = declare('w', 1, { spec: { dependsOn } });
      return await first(scene, await scene.world.control.createService(declaration));
    },
  ],
  [
    'waiting-to-restart',
    async (scene) => {
      const declaration = declare('w', 1, { template: { restart: { delayMs: 60_000 } } });
      const service = await scene.world.control.createService(declaration);
      const task = await first(scene, service);
      await scene.agent.report(task.id, { state: 'failed' });
      return await first(scene, service);
    },
  ],
  [
    'waiting-for-predecessor',
    async (scene) => {
      const service = await scene.world.control.createService(declare('w', 1));
      const before = await first(scene, service);
      scene.agent.obedient = false;
      const { id, version } = service;
      const next = declare('w', 1, { container: { image: 'bb:2' } });
      await scene.world.control.updateService(id, next, { version });
      await scene.world.settle();
      const after = scene.world.liveTasks(service).find((task) => task.id !== before.id);
      assert.ok(after);
      await scene.agent.report(after.id, { state: 'ready' });
      return after;
    },
  ],
  [
    'stopping',
    async (scene) => {
      const service = await scene.world.control.createService(declare('w', 1));
      const task = await first(scene, service);
      scene.agent.obedient = false;
      const draft = await scene.world.control.createService(declare('held', 1));
      const held = await first(scene, draft);
      await scene.agent.report(held.id, { state: 'starting' });
      await scene.world.control.removeService(draft.id);
      assert.equal(scene.world.control.taskStatus(task).reason, undefined);
      return held;
    },
  ],
  [
    'exited-with-error',
    async (scene) => {
      const declaration = declare('w', 1, { template: { restart: { condition: 'none' } } });
      const task = await first(scene, await scene.world.control.createService(declaration));
      const reason = { code: 'exited-with-error', message: 'exit code 3', since: 0 } as const;
      await scene.agent.report(task.id, { state: 'failed', exitCode: 3, reason });
      return task;
    },
  ],
  [
    'superseded',
    async (scene) => {
      const service = await scene.world.control.createService(declare('w', 1));
      const task = await first(scene, service);
      const { id, version } = service;
      const next = declare('w', 1, { container: { image: 'bb:2' } });
      await scene.world.control.updateService(id, next, { version });
      return task;
    },
  ],
];

for (const [code, play] of scenes) {
  test(`a task that does not run says why: ${code}`, async () => {
    const scene = await ManagerWorld.withCluster();
    const { id } = await play(scene);
    await scene.world.settle();
    const task = scene.world.control.view.tasks.get(id);
    assert.ok(task);
    const status = scene.world.control.taskStatus(task);
    assert.notEqual(status.state, 'running');
    assert.equal(status.reason?.code, code, status.reason?.message ?? 'no reason');
    assertExplained(scene.world, task);
  });
}

/** A state, since when, and for whatever is not running a reason from the closed set. */
function assertExplained(world: ManagerWorld, task: Task): void {
  const { state, since, reason } = world.control.taskStatus(task);
  const now = world.control.now();
  assert.ok(taskStates.includes(state));
  assert.ok(since <= now, `${task.id} is ${state} since ${since - now} ms in the future`);
  if (state === 'running') {
    assert.equal(reason, undefined);
    return;
  }
  assert.ok(reason, `${task.id} is ${state} for no reason`);
  assert.ok(reasonCodes.includes(reason.code));
  assert.ok(reason.message.length > 0);
  assert.ok(reason.since <= now);
}

/** One thing that may happen to a cluster. */
async function disturb(scene: Scene, dice: Prng): Promise<void> {
  const { world, agent } = scene;
  const tasks = [...world.control.view.tasks.all()];
  const services = [...world.control.view.services.all()].filter((row) => row.removing !== true);
  const roll = dice.below(10);
  if (roll < 2 && services.length < 4) {
    const dependsOn = services.slice(0, 1).map(({ spec }) => ({
      service: spec.name,
      condition: 'started' as const,
      required: true,
    }));
    const parts = { spec: { dependsOn } };
    await world.control.createService(declare(`s${dice.uint32()}`, dice.below(4), parts));
  } else if (roll < 4 && tasks.length > 0) {
    const task = dice.pick(tasks);
    if (task.nodeId !== undefined) await agent.report(task.id, { state: dice.pick(taskStates) });
  } else if (roll < 6 && services.length > 0) {
    const { id, version, spec } = dice.pick(services);
    const container = { image: dice.pick(['bb:1', 'bb:2', 'bb:3']) };
    const declaration = declare(spec.name, dice.below(4), { container });
    await world.control.updateService(id, declaration, { version });
  } else if (roll === 6 && services.length > 0) {
    await world.control.removeService(dice.pick(services).id);
  } else if (roll === 7) {
    agent.disconnect();
    if (dice.chance(0.8)) await agent.connect();
  } else {
    agent.obedient = dice.chance(0.7);
    await world.pass(dice.below(10_000));
  }
}

test('whatever happens, no task is without an explanation', async () => {
  const dice = new Prng(11);
  const scene = await ManagerWorld.withCluster();
  for (let step = 0; step < 400; step += 1) {
    await disturb(scene, dice);
    if (dice.chance(0.5)) await scene.world.settle();
    for (const task of scene.world.control.view.tasks.all()) assertExplained(scene.world, task);
  }
  const errors = scene.world.log.filter((line) => line.level === 'error');
  assert.deepEqual(errors, []);
});
