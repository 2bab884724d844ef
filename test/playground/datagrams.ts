/**
 * Datagrams between hosts, to see which arrive.
 *
 *   node datagrams.ts serve               answers each datagram, and knows how many there were
 *   node datagrams.ts ask HOST COUNT MS   prints how many of as many were answered; after so long
 *                                         without an end of the answers none will come
 *   node datagrams.ts seen HOST           prints how many HOST got since it was asked last
 */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

const port = 7_070;
const seenWord = 'seen';
/** Sent after the others, which it cannot overtake, until one of it is answered. */
const endWord = 'end';
const endEveryMs = 20;

async function serve(): Promise<void> {
  const socket = createSocket('udp4');
  let seen = 0;
  socket.on('message', (message, from) => {
    const word = message.toString();
    if (word !== seenWord && word !== endWord) seen += 1;
    socket.send(word === seenWord ? String(seen) : word, from.port, from.address);
    if (word === seenWord) seen = 0;
  });
  socket.bind(port);
  await once(socket, 'listening');
  process.stdout.write('serving\n');
}

interface Question {
  readonly host: string;
  readonly count: number;
  readonly limitMs: number;
}

async function ask({ host, count, limitMs }: Question): Promise<number> {
  const socket = await open();
  const over = new AbortController();
  let answered = 0;
  socket.on('message', (message) => {
    if (message.toString() === endWord) over.abort();
    else answered += 1;
  });
  for (let sent = 0; sent < count; sent += 1) {
    await send(socket, { host, text: String(sent) });
    await sleep(1);
  }
  const giveUpAt = Date.now() + limitMs;
  while (!over.signal.aborted && Date.now() < giveUpAt) {
    await send(socket, { host, text: endWord });
    await sleep(endEveryMs);
  }
  socket.close();
  return answered;
}

async function askSeen(host: string): Promise<string> {
  const socket = await open();
  await send(socket, { host, text: seenWord });
  const [message] = (await once(socket, 'message')) as [Buffer];
  socket.close();
  return message.toString();
}

async function open(): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.on('error', () => undefined);
  socket.bind();
  await once(socket, 'listening');
  return socket;
}

/** A datagram that cannot be sent is one that does not arrive. */
async function send(
  socket: Socket,
  { host, text }: { readonly host: string; readonly text: string },
): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.send(text, port, host, () => resolve());
  await promise;
}

const [verb, host = '', count = '0', limitMs = '0'] = process.argv.slice(2);
if (verb === 'serve') await serve();
if (verb === 'ask') {
  const answered = await ask({ host, count: Number(count), limitMs: Number(limitMs) });
  process.stdout.write(`${answered}\n`);
}
if (verb === 'seen') process.stdout.write(`${await askSeen(host)}\n`);
