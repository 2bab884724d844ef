import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtualClock } from '../../sim/clock.ts';
import type { ContainerRuntime, RuntimeContainer } from '../host/container-runtime.ts';
import type { Logger } from '../host/logger.ts';
import { TuttiError } from '../lib/error.ts';
import { FenceWatch } from './fence-watch.ts';
import { taskIdLabel } from './task-labels.ts';

const quiet: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

/** A guard, and an engine with containers of tasks. */
class Machine {
  readonly clock = new VirtualClock(1_000_000);
  readonly startedAt = this.clock.now();
  readonly states = new Map<string, RuntimeContainer['state']>();
  readonly killed: { readonly id: string; readonly at: number }[] = [];
  readonly stop = new AbortController();
  hasEngine = true;
  isOver = false;
  readonly runtime: Pick<ContainerRuntime, 'listContainers' | 'killContainer'> = {
    listContainers: async (label) => {
      if (!this.hasEngine) throw new TuttiError('unavailable', 'the engine is away');
      return [...this.states]
        .filter(([id]) => label === `${taskIdLabel}=${id}`)
        .map(([id, state]) => container(id, state));
    },
    killContainer: async (id) => {
      this.killed.push({ id, at: this.clock.now() - this.startedAt });
      this.states.set(id, 'exited');
    },
  };
  readonly watch = new FenceWatch({ clock: this.clock, runtime: this.runtime, logger: quiet });

  run(): this {
    void this.watch.run(this.stop.signal).then(() => {
      this.isOver = true;
    });
    return this;
  }

  hold(taskIds: readonly string[], forMs: number): void {
    this.watch.hold({ taskIds, until: this.clock.now() + forMs });
  }
}

function container(id: string, state: RuntimeContainer['state']): RuntimeContainer {
  return { id, name: id, labels: {}, state, outOfMemory: false, health: 'none' };
}

test('what runs of a task whose hold was not renewed is killed, and nothing else', async () => {
  const machine = new Machine().run();
  for (const id of ['fenced', 'other']) machine.states.set(id, 'running');
  machine.hold(['fenced'], 8_000);
  await machine.clock.advance(7_900);
  assert.deepEqual(machine.killed, []);
  await machine.clock.advance(200);
  assert.deepEqual(
    machine.killed.map(({ id }) => id),
    ['fenced'],
  );
  assert.equal(machine.states.get('other'), 'running');
});

test('a hold that is renewed in time kills nothing', async () => {
  const machine = new Machine().run();
  machine.states.set('fenced', 'running');
  for (let second = 0; second < 60; second += 1) {
    machine.hold(['fenced'], 8_000);
    await machine.clock.advance(1_000);
  }
  assert.deepEqual(machine.killed, []);
  assert.equal(machine.isOver, false);
});

test('a guard without a daemon ends once nothing can start any more, and kills what does before', async () => {
  const machine = new Machine().run();
  machine.states.set('fenced', 'created');
  machine.hold(['fenced'], 1_000);
  machine.watch.hasDaemon = false;
  await machine.clock.advance(5_000);
  machine.states.set('fenced', 'running');
  await machine.clock.advance(500);
  assert.equal(machine.states.get('fenced'), 'exited');
  await machine.clock.advance(9_000);
  assert.equal(machine.isOver, false);
  await machine.clock.advance(4_000);
  assert.equal(machine.isOver, true);
});

test('a guard with a daemon stays, and ends when it is told that nothing is left', async () => {
  const machine = new Machine().run();
  machine.hold(['fenced'], 1_000);
  await machine.clock.advance(60_000);
  assert.equal(machine.isOver, false);
  machine.hold([], 0);
  await machine.clock.advance(3_000);
  assert.equal(machine.isOver, true);
});

test('an engine that is away is asked until it answers', async () => {
  const machine = new Machine().run();
  machine.states.set('fenced', 'running');
  machine.hasEngine = false;
  machine.hold(['fenced'], 1_000);
  machine.watch.hasDaemon = false;
  await machine.clock.advance(30_000);
  assert.equal(machine.isOver, false);
  machine.hasEngine = true;
  await machine.clock.advance(500);
  assert.equal(machine.states.get('fenced'), 'exited');
});
