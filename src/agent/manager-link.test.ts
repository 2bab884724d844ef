import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtualClock } from '../../sim/clock.ts';
import { SimulatedTransport } from '../../sim/transport.ts';
import { Prng } from '../lib/prng.ts';
import type { AgentMessage } from '../wire/messages.ts';
import { ManagerLink } from './manager-link.ts';
import { Reporter } from './reporter.ts';

const logger = { debug() {}, info() {}, warn() {}, error() {} };

interface Site {
  readonly clock: VirtualClock;
  readonly link: ManagerLink;
  readonly reporter: Reporter;
  readonly transport: SimulatedTransport;
  /** What the manager heard, and how each session ended for it. */
  readonly heard: string[];
}

function site({ stops = false, answers = true, greeting = async () => {} } = {}): Site {
  const clock = new VirtualClock();
  const transport = new SimulatedTransport({ clock, dice: new Prng(1) });
  const heard: string[] = [];
  transport.serve({
    async onSession(session) {
      try {
        for await (const message of session.incoming) heard.push(told(message));
        heard.push('end');
        if (!answers) await clock.sleep(60_000);
      } catch {
        heard.push('break');
      }
    },
    async onLogs() {},
  });
  const agent = transport.agent();
  const reporter = new Reporter(clock);
  const link = new ManagerLink({
    clock,
    random: { fraction: () => 0.5, bytes: (count) => new Uint8Array(count) },
    logger,
    transport: {
      ...agent,
      async openSession(signal) {
        const session = await agent.openSession(signal);
        return {
          async send(message) {
            if (message.kind === 'hello') await greeting();
            await session.send(message);
          },
          incoming: session.incoming,
          close: () => session.close(),
        };
      },
    },
    reporter,
    opened: () => ({
      kind: 'hello',
      nodeId: 'n',
      clusterId: '',
      sentAt: 0,
      description: {} as never,
      tasks: [],
    }),
    greeted: () => undefined,
    isMachineStopping: async () => await Promise.resolve(stops),
    receive: async () => await Promise.resolve(true),
    ended: () => undefined,
  });
  return { clock, link, reporter, transport, heard };
}

function told(message: AgentMessage): string {
  return message.kind === 'farewell' ? `farewell, returns: ${message.returns}` : message.kind;
}

async function stop({ clock, link }: Site): Promise<void> {
  const daemon = new AbortController();
  const running = link.run(daemon.signal);
  await clock.settle();
  daemon.abort();
  await clock.advance(2_000);
  await running;
}

test('a daemon that is told to stop says that it is back soon, as its last word', async () => {
  const one = site();
  await stop(one);
  assert.deepEqual(one.heard, ['hello', 'farewell, returns: true', 'end']);
});

test('a daemon whose machine goes down says that', async () => {
  const one = site({ stops: true });
  await stop(one);
  assert.deepEqual(one.heard, ['hello', 'farewell, returns: false', 'end']);
});

test('a manager that does not answer a farewell holds nobody up', async () => {
  const one = site({ answers: false });
  await stop(one);
  assert.deepEqual(one.heard.slice(0, 3), ['hello', 'farewell, returns: true', 'end']);
});

test('what is observed while the first word is on its way is said after it', async () => {
  const sent = Promise.withResolvers<void>();
  const one = site({ greeting: () => sent.promise });
  const daemon = new AbortController();
  const running = one.link.run(daemon.signal);
  await one.clock.settle();
  one.reporter.observed({ taskId: 't', state: 'complete' } as never);
  sent.resolve();
  await one.clock.settle();
  assert.deepEqual(one.heard, ['hello', 'observed']);
  daemon.abort();
  await one.clock.advance(2_000);
  await running;
});

test('a session that the agent ends because it hears nothing ends without a farewell', async () => {
  const one = site();
  const daemon = new AbortController();
  const running = one.link.run(daemon.signal);
  await one.clock.settle();
  one.link.end('the manager has said nothing for too long');
  await one.clock.settle();
  assert.equal(one.heard.includes('farewell, returns: true'), false);
  one.transport.stop();
  daemon.abort();
  await one.clock.advance(10_000);
  await running;
});
