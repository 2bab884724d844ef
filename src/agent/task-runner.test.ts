import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtualClock } from '../../sim/clock.ts';
import { plainContainer } from '../../sim/manager-world.ts';
import { SimulatedRuntime } from '../../sim/runtime.ts';
import { TuttiError } from '../lib/error.ts';
import { Prng } from '../lib/prng.ts';
import type { TaskAssignment } from '../model/assignment.ts';
import type { ObservedTask } from '../model/task.ts';
import type { TaskTemplateSpec } from '../model/template.ts';
import { TaskRunner, type TaskRunnerHost } from './task-runner.ts';
import { TaskWork } from './task-work.ts';

const nothing = (): void => undefined;

const assigned: TaskAssignment = {
  taskId: 'task1',
  serviceId: 'service1',
  serviceName: 'web',
  serviceLabels: {},
  slot: 1,
  templateId: 'template1',
  desired: 'running',
  addresses: [],
  ended: false,
};

const template: TaskTemplateSpec = {
  containers: [{ ...plainContainer, image: 'plain:1' }],
  networks: [],
  hostPorts: [],
  forceUpdate: 0,
};

/** One task on a simulated engine, as an agent has it. */
class Machine {
  readonly clock = new VirtualClock();
  readonly engine = new SimulatedRuntime({
    clock: this.clock,
    dice: new Prng(1),
    watcher: { created: nothing, started: nothing },
  });
  readonly gone: string[] = [];
  readonly reports: ObservedTask[] = [];
  assignment: TaskAssignment | undefined = assigned;
  #stop = new AbortController();
  #runner: TaskRunner | undefined;

  /** Ends the agent that was there; what it knew is gone. */
  async startAgent(): Promise<void> {
    this.#stop.abort();
    this.#stop = new AbortController();
    this.#runner = new TaskRunner('task1', this.#host());
    void this.#runner.run(this.#stop.signal);
    await this.clock.advance(5_000);
  }

  get runner(): TaskRunner {
    assert.ok(this.#runner);
    return this.#runner;
  }

  /** Whoever looks at a container waits until the gate opens, and sees what was before that. */
  closeEngine(): () => void {
    const gate = Promise.withResolvers<void>();
    const inspect = this.engine.inspectContainer.bind(this.engine);
    this.engine.inspectContainer = async (...asked) => {
      const seen = await inspect(...asked);
      await gate.promise;
      return seen;
    };
    return () => {
      this.engine.inspectContainer = inspect;
      gate.resolve();
    };
  }

  takeAway(): void {
    this.assignment = undefined;
    this.#runner?.wake();
  }

  [Symbol.dispose](): void {
    this.#stop.abort();
  }

  #host(): TaskRunnerHost {
    const { clock, engine } = this;
    return {
      clock,
      logger: { debug: nothing, info: nothing, warn: nothing, error: nothing },
      lease: { isOver: false, mustStop: false },
      work: new TaskWork({
        runtime: engine,
        network: {
          ensure: async ({ name }) => name,
          resolvConf: () => undefined,
          choosePort: async () => 61_000,
        },
        files: { write: async () => new Map(), remove: async () => undefined },
        node: { id: 'node1', hostname: 'vm', os: 'linux', architecture: 'x86_64' },
        clusterId: () => 'cluster1',
        networkAssignment: () => undefined,
        data: () => undefined,
      }),
      assignment: () => this.assignment,
      template: () => template,
      missingData: () => [],
      report: (observed) => void this.reports.push(observed),
      isHeldUp: () => false,
      isGuarded: () => true,
      release: async () => undefined,
      admitToNetworks: async () => undefined,
      gone: (taskId) => this.gone.push(taskId),
    };
  }
}

test('a task that is taken away while an agent that began anew cannot ask the engine leaves no container', async () => {
  using machine = new Machine();
  await machine.startAgent();
  assert.deepEqual(
    [...machine.engine.containers.values()].map(({ state }) => state),
    ['running'],
  );
  machine.engine.stop({ liveRestore: true });
  await machine.startAgent();
  machine.takeAway();
  await machine.clock.advance(5_000);
  machine.engine.start();
  await machine.clock.advance(30_000);
  assert.deepEqual(machine.gone, ['task1']);
  assert.equal(machine.engine.containers.size, 0);
});

test('a task that is taken away before the engine said that it made the container leaves none', async () => {
  using machine = new Machine();
  const { engine } = machine;
  const create = engine.createContainer.bind(engine);
  engine.createContainer = async (request, signal) => {
    await create(request, signal);
    machine.takeAway();
    throw new TuttiError('unavailable', 'the answer got lost');
  };
  await machine.startAgent();
  await machine.clock.advance(30_000);
  assert.deepEqual(machine.gone, ['task1']);
  assert.equal(engine.containers.size, 0);
});

const { signal } = new AbortController();

test('nobody is led to a container that died, while the engine does not show it yet', async () => {
  using machine = new Machine();
  await machine.startAgent();
  const { runner, engine, reports, clock } = machine;
  const containerId = runner.containerId ?? '';
  assert.equal(runner.wantsVisitors, true);
  const killed = engine.killContainer(containerId, signal);
  await clock.advance(1_000);
  await killed;
  const open = machine.closeEngine();
  runner.died({ containerId: 'another', exitCode: 1 });
  assert.equal(runner.wantsVisitors, true);
  runner.died({ containerId, exitCode: 137 });
  runner.look();
  await clock.advance(1_000);
  assert.equal(runner.wantsVisitors, false);
  const told = reports.at(-1);
  assert.deepEqual([told?.state, told?.containers[0]?.exitCode], ['running', 137]);
  open();
  await clock.advance(1_000);
  assert.deepEqual([reports.at(-1)?.state, reports.at(-1)?.exitCode], ['failed', 137]);
});

test('what was looked up before a container died does not bring it back; what it shows later does', async () => {
  using machine = new Machine();
  await machine.startAgent();
  const { runner, reports, clock } = machine;
  const open = machine.closeEngine();
  runner.look();
  await clock.advance(1_000);
  runner.died({ containerId: runner.containerId ?? '', exitCode: 0 });
  open();
  const openAgain = machine.closeEngine();
  runner.look();
  await clock.advance(1_000);
  assert.equal(runner.wantsVisitors, false);
  assert.equal(reports.at(-1)?.containers[0]?.exitCode, 0);
  openAgain();
  await clock.advance(1_000);
  assert.equal(runner.wantsVisitors, true);
  const last = reports.at(-1);
  assert.deepEqual([last?.state, last?.containers[0]?.exitCode], ['running', undefined]);
});
