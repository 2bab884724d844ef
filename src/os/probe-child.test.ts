import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { decode, encode } from 'dns-packet';
import { askName } from './probe-name.ts';
import { serveProbes } from './probe-child.ts';

const server = '127.0.0.1';

async function answering(reply: (query: Buffer) => Buffer) {
  const socket = createSocket('udp4').bind(0, server);
  await once(socket, 'listening');
  socket.on('message', (query, { port, address }) => socket.send(reply(query), port, address));
  return { port: socket.address().port, [Symbol.dispose]: () => void socket.close() };
}

test('a name that is answered has its addresses', async () => {
  using at = await answering((query) => {
    const { id = 0, questions = [] } = decode(query);
    const answers = [{ type: 'A', name: 'web', data: '10.0.0.2' } as const];
    return encode({ type: 'response', id, questions, answers });
  });
  const outcome = await askName({ server, name: 'web', port: at.port });
  assert.ok(outcome.kind === 'answered');
  assert.deepEqual(outcome.addresses, ['10.0.0.2']);
});

test('what is no answer of DNS is told as that, whoever sent it', async () => {
  using at = await answering(() => Buffer.from([0, 1, 2]));
  const outcome = await askName({ server, name: 'web', port: at.port });
  assert.deepEqual(outcome, { kind: 'failed', message: 'what came is no answer of DNS' });
});

test('who asks for a name listens nowhere: it is in the network of a container', async () => {
  const [input, output] = [new PassThrough(), new PassThrough()];
  const said: string[] = [];
  output.on('data', (line: Buffer) => said.push(String(line)));
  // Whether port 7 is free here, or may be had at all, does not matter.
  input.end(`${JSON.stringify({ kind: 'paths', peers: [], fullBytes: 1, largestBytes: 1 })}\n`);
  await serveProbes(input, output);
  assert.deepEqual(
    said.map((line) => JSON.parse(line) as unknown),
    [{ kind: 'ready' }, { kind: 'failed', message: 'nobody answers yet' }],
  );
});
