import assert from 'node:assert/strict';
import type { ClientHttp2Stream } from 'node:http2';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import type { Clock } from '../host/clock.ts';
import { TuttiError } from '../lib/error.ts';
import { LeaderRelay } from './leader-relay.ts';

const untilAborted = new AbortController().signal;

/** A clock on which pauses are over at once, and time is when the test says so. */
class TestClock implements Clock {
  #late = Promise.withResolvers<void>();

  now(): number {
    return 0;
  }

  async sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    if (delayMs < 1_000) await this.turn();
    else await this.#late.promise;
    signal?.throwIfAborted();
  }

  async turn(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** Whoever waits has waited long enough. */
  passPatience(): void {
    this.#late.resolve();
  }
}

class TestStream extends EventEmitter {
  readonly rstCode = undefined;
  closed = false;

  close(): void {
    this.closed = true;
  }
}

function setUp() {
  const world: {
    serving: 'here' | { readonly nodeId: string } | undefined;
    reachable: boolean;
    readonly opened: string[];
    readonly streams: TestStream[];
    answer: (nodeId: string) => TestStream | undefined;
  } = {
    serving: undefined,
    reachable: true,
    opened: [],
    streams: [],
    answer: () => {
      const stream = new TestStream();
      world.streams.push(stream);
      return stream;
    },
  };
  const clock = new TestClock();
  const listeners = new Set<() => void>();
  const relay = new LeaderRelay({
    clock,
    serving: () => world.serving,
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    isReachable: () => world.reachable,
    open: async (nodeId) => {
      world.opened.push(nodeId);
      await clock.turn();
      return world.answer(nodeId) as unknown as ClientHttp2Stream | undefined;
    },
    nobodyLeads: () => new TuttiError('unavailable', 'nobody leads'),
    self: () => ({ nodeId: 'n1', address: '192.0.2.1', rootId: 'r' }),
  });
  const become = (serving: typeof world.serving): void => {
    world.serving = serving;
    for (const listener of Array.from(listeners)) listener();
  };
  return { world, clock, relay, become };
}

test('who leads is asked nothing of anybody', async () => {
  const { world, relay, become } = setUp();
  become('here');
  assert.equal(await relay.whoServes(untilAborted), 'here');
  assert.equal(await relay.open('/x', untilAborted), undefined);
  assert.deepEqual(world.opened, []);
});

test('who comes while nobody leads waits for whoever does', async () => {
  const { world, clock, relay, become } = setUp();
  const opening = relay.open('/x', untilAborted);
  await clock.turn();
  become({ nodeId: 'n2' });
  assert.ok((await opening) !== undefined);
  assert.deepEqual(world.opened, ['n2']);
});

test('a leader that cannot be reached is waited for', async () => {
  const { world, clock, relay, become } = setUp();
  world.reachable = false;
  become({ nodeId: 'n2' });
  const serving = relay.whoServes(untilAborted);
  await clock.turn();
  world.reachable = true;
  become(world.serving);
  assert.equal(await serving, 'there');
});

test('who says that it does not lead is asked again, and the next one as soon as it is known', async () => {
  const { world, clock, relay, become } = setUp();
  const { answer } = world;
  world.answer = (nodeId) => (nodeId === 'n2' ? undefined : answer(nodeId));
  become({ nodeId: 'n2' });
  const opening = relay.open('/x', untilAborted);
  await clock.turn();
  become({ nodeId: 'n3' });
  assert.ok((await opening) !== undefined);
  assert.equal(world.opened.at(-1), 'n3');
});

test('who waited in vain is told why, and who went away is not', async () => {
  const { clock, relay } = setUp();
  const waiting = relay.whoServes(untilAborted);
  clock.passPatience();
  await assert.rejects(waiting, { message: 'nobody leads' });
  const gone = new AbortController();
  const given = setUp().relay.whoServes(gone.signal);
  gone.abort();
  await assert.rejects(given, { code: 'cancelled' });
});

test('what was opened to a leader that is none any more is cut, and nothing else', async () => {
  const { world, relay, become } = setUp();
  become({ nodeId: 'n2' });
  await relay.open('/x', untilAborted);
  const [old] = world.streams;
  become(undefined);
  assert.equal(old?.closed, false, 'it may be the leader still');
  become({ nodeId: 'n3' });
  assert.equal(old.closed, true);
  await relay.open('/x', untilAborted);
  become({ nodeId: 'n3' });
  assert.equal(world.streams[1]?.closed, false);
  become('here');
  assert.equal(world.streams[1].closed, true);
});

test('what a manager refuses is told as it is, and asked of nobody else', async () => {
  const { world, relay, become } = setUp();
  world.answer = () => {
    throw new TuttiError('permission-denied', 'node n1 is a worker');
  };
  become({ nodeId: 'n2' });
  await assert.rejects(relay.open('/x', untilAborted), { message: 'node n1 is a worker' });
  assert.equal(world.opened.length, 1);
});
