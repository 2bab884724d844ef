/**
 * Datagrams between hosts, to see which arrive.
 *
 *   node datagrams.ts serve            answers each datagram, and knows how many there were
 *   node datagrams.ts ask HOST COUNT   prints how many of as many were answered
 *   node datagrams.ts seen HOST        prints how many HOST got since it was asked last
 */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

const port = 7_070;
/** What was not answered after this long will not be. */
const silenceMs = 500;
const seenWord = 'seen';

async function serve(): Promise<void> {
  const socket = createSocket('udp4');
  let seen = 0;
  socket.on('message', (message, from) => {
    const isQuestion = message.toString() === seenWord;
    if (!isQuestion) seen += 1;
    socket.send(String(seen), from.port, from.address);
    if (isQuestion) seen = 0;
  });
  socket.bind(port);
  await once(socket, 'listening');
  process.stdout.write('serving\n');
}

async function ask(host: string, count: number): Promise<number> {
  const socket = await open();
  const all = Promise.withResolvers<void>();
  let answered = 0;
  socket.on('message', () => {
    answered += 1;
    if (answered === count) all.resolve();
  });
  for (let sent = 0; sent < count; sent += 1) {
    await send(socket, { host, text: String(sent) });
    await sleep(1);
  }
  await Promise.race([all.promise, sleep(silenceMs)]);
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

const [verb, host = '', count = '0'] = process.argv.slice(2);
if (verb === 'serve') await serve();
if (verb === 'ask') process.stdout.write(`${await ask(host, Number(count))}\n`);
if (verb === 'seen') process.stdout.write(`${await askSeen(host)}\n`);
