import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Clock } from '../src/host/clock.ts';
import type { ManagerTransportHandler } from '../src/host/transport.ts';
import { Prng } from '../src/lib/prng.ts';
import type { AgentMessage } from '../src/wire/messages.ts';
import { VirtualClock } from './clock.ts';
import { SimulatedTransport } from './transport.ts';

const never = new AbortController().signal;

/** Time that passes as soon as somebody waits for it. */
function eagerClock(): Clock {
  let now = 0;
  return {
    now: () => now,
    async sleep(delayMs) {
      now += delayMs;
    },
    async turn() {
      await Promise.resolve();
    },
  };
}

const echo: ManagerTransportHandler = {
  async onSession(session) {
    for await (const message of session.incoming) {
      if (message.kind === 'beat') await session.send(message);
    }
  },
  async onLogs() {},
};

function beat(sentAt: number): AgentMessage {
  return { kind: 'beat', sentAt };
}

test('messages arrive in order, whatever their delays', async () => {
  const transport = new SimulatedTransport({
    clock: eagerClock(),
    dice: new Prng(1),
    model: { maximumDelayMs: 100 },
  });
  transport.serve(echo);
  const session = await transport.agent().openSession(never);
  for (let index = 0; index < 20; index += 1) await session.send(beat(index));
  session.close();
  const heard: number[] = [];
  for await (const message of session.incoming) {
    if (message.kind === 'beat') heard.push(message.sentAt);
  }
  assert.deepEqual(
    heard,
    Array.from({ length: 20 }, (_, index) => index),
  );
  assert.equal(transport.linkCount, 0);
});

test('a broken link is unavailable to both sides, and a new one works', async () => {
  const transport = new SimulatedTransport({ clock: eagerClock(), dice: new Prng(1) });
  transport.serve(echo);
  const agent = transport.agent();
  const session = await agent.openSession(never);
  transport.breakAll();
  await assert.rejects(session.send(beat(1)), { code: 'unavailable' });
  await assert.rejects(session.incoming[Symbol.asyncIterator]().next(), { code: 'unavailable' });
  const again = await agent.openSession(never);
  await again.send(beat(2));
  const next = await again.incoming[Symbol.asyncIterator]().next();
  assert.deepEqual(next.value, beat(2));
});

test('who gives a session up waits for nobody; the other side hears of it once it can', async () => {
  const clock = new VirtualClock();
  const transport = new SimulatedTransport({ clock, dice: new Prng(1) });
  const heard = { end: false };
  transport.serve({
    ...echo,
    onSession: async ({ incoming }) => {
      await drain(incoming).finally(() => {
        heard.end = true;
      });
    },
  });
  const life = new AbortController();
  const session = await transport.agent().openSession(life.signal);
  transport.cut.up = true;
  life.abort();
  await assert.rejects(session.incoming[Symbol.asyncIterator]().next(), { code: 'unavailable' });
  assert.equal(heard.end, false);
  transport.cut.up = false;
  await clock.advance(1_000);
  assert.equal(heard.end, true);
});

test('nobody answers while the manager is down', async () => {
  const transport = new SimulatedTransport({ clock: eagerClock(), dice: new Prng(1) });
  await assert.rejects(transport.agent().openSession(never), { code: 'unavailable' });
  transport.serve(echo);
  const session = await transport.agent().openSession(never);
  transport.stop();
  await assert.rejects(session.send(beat(1)), { code: 'unavailable' });
});

test('the same seed breaks the same message', async () => {
  const sent = async (seed: number): Promise<number> => {
    const transport = new SimulatedTransport({
      clock: eagerClock(),
      dice: new Prng(seed),
      model: { breakChance: 0.05 },
    });
    transport.serve({ ...echo, onSession: async ({ incoming }) => await drain(incoming) });
    const session = await transport.agent().openSession(never);
    for (let count = 0; ; count += 1) {
      const broke = await session.send(beat(count)).then(
        () => false,
        () => true,
      );
      if (broke) return count;
    }
  };
  assert.equal(await sent(3), await sent(3));
  assert.notEqual(await sent(3), await sent(4));
});

async function drain(messages: AsyncIterable<unknown>): Promise<void> {
  for await (const message of messages) void message;
}
