import assert from 'node:assert/strict';
import { once } from 'node:events';
import * as http2 from 'node:http2';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { endInSilence } from './silent-connections.ts';

const periodMs = 1_000;

/** A server, and a connection to it by somebody who may stop to lead anything on. */
async function site() {
  const server = http2.createServer((_request, response) => void response.end('here'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const ends: Socket[] = [];
  const between = createServer((near) => {
    const far = connect(port, '127.0.0.1');
    ends.push(near, far);
    for (const one of [near, far]) one.on('error', () => undefined);
    near.pipe(far);
    far.pipe(near);
  });
  between.listen(0, '127.0.0.1');
  await once(between, 'listening');
  const session = http2.connect(`http://127.0.0.1:${(between.address() as AddressInfo).port}`);
  session.on('error', () => undefined);
  await once(session, 'connect');
  const ask = async (): Promise<string> => {
    let text = '';
    for await (const chunk of session.request({ ':path': '/' }).setEncoding('utf8')) text += chunk;
    return text;
  };
  assert.equal(await ask(), 'here');
  return {
    session,
    ask,
    cut: () => {
      for (const one of ends) one.unpipe().pause();
    },
    async [Symbol.asyncDispose]() {
      session.destroy();
      for (const one of ends) one.destroy();
      between.close();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Of a connection that is cut. */
async function pass(context: TestContext, periods: number): Promise<void> {
  for (let period = 0; period < periods; period += 1) {
    context.mock.timers.tick(periodMs);
    await new Promise(setImmediate);
  }
}

test('a connection that is cut is ended, and its streams hear of it', async (context) => {
  await using at = await site();
  context.mock.timers.enable({ apis: ['setInterval'] });
  endInSilence(at.session, () => true);
  for (let period = 0; period < 10; period += 1) {
    context.mock.timers.tick(periodMs);
    // It was sent before, and is answered before.
    assert.equal(await at.ask(), 'here');
  }
  const waiting = at.session.request({ ':path': '/' });
  const broken = once(waiting, 'close').catch((error: unknown) => error);
  at.cut();
  await pass(context, 3);
  assert.equal(at.session.destroyed, false);
  await pass(context, 1);
  assert.equal(at.session.destroyed, true);
  await broken;
});

test('a connection is kept where nobody else can be turned to', async (context) => {
  await using at = await site();
  context.mock.timers.enable({ apis: ['setInterval'] });
  let hasOthers = false;
  endInSilence(at.session, () => hasOthers);
  at.cut();
  await pass(context, 10);
  assert.equal(at.session.destroyed, false);
  hasOthers = true;
  await pass(context, 4);
  assert.equal(at.session.destroyed, true);
});

test('a connection that somebody else has ended is asked no more', async (context) => {
  await using at = await site();
  context.mock.timers.enable({ apis: ['setInterval'] });
  endInSilence(at.session, () => true);
  at.cut();
  at.session.destroy();
  context.mock.timers.tick(periodMs);
  assert.equal(at.session.destroyed, true);
});
