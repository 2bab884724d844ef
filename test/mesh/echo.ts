/**
 * Who calls, as the called one sees it.
 *
 *   node echo.ts serve                          tells each caller its address, by TCP and UDP
 *   node echo.ts ask ADDRESS PORT FROM          prints what was told; FROM: own port, or 0
 *   node echo.ts send ADDRESS PORT FROM SIZE    the same with one datagram
 *   node echo.ts push ADDRESS PORT SIZE         sends so much, prints how much came back
 *   node echo.ts hold ADDRESS PORT FROM         asks again for each line of its standard input
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';

const ownPort = 80;
/** Who is not there does not answer. */
const limitMs = 2_500;
const nobody = 'nobody';

async function serve(): Promise<void> {
  const server = createServer((socket) => {
    const address = `${socket.remoteAddress} ${socket.remotePort} ${socket.localAddress}`;
    socket.on('error', () => undefined);
    socket.once('data', (first) => {
      if (first.toString() !== 'who') {
        socket.write(first);
        return void socket.pipe(socket);
      }
      socket.write(`${address}\n`);
      socket.on('data', () => socket.write(`${address}\n`));
    });
  });
  server.listen(ownPort, '0.0.0.0');
  const datagrams = createSocket('udp4');
  datagrams.on('message', (message, { address, port }) =>
    datagrams.send(`${address} ${port} ${message.length}`, port, address),
  );
  datagrams.bind(ownPort);
  await Promise.all([once(server, 'listening'), once(datagrams, 'listening')]);
  process.stdout.write('serving\n');
}

async function open(to: { readonly host: string; readonly port: number }, from: number) {
  const socket = connect({ ...to, ...(from > 0 && { localPort: from }) });
  socket.setTimeout(limitMs, () => socket.destroy(new Error('no answer')));
  await once(socket, 'connect');
  return socket;
}

async function askOn(socket: Socket): Promise<string> {
  socket.write('who');
  const [answer] = (await once(socket, 'data')) as [Buffer];
  return answer.toString().trim();
}

async function push(socket: Socket, size: number): Promise<number> {
  let count = 0;
  const { promise, resolve } = Promise.withResolvers<void>();
  socket.on('data', (bytes) => {
    count += bytes.length;
    if (count >= size) resolve();
  });
  socket.write(Buffer.alloc(size, 'x'));
  await Promise.race([promise, once(socket, 'close')]);
  return count;
}

async function send(
  to: { readonly host: string; readonly port: number },
  { from, size }: { readonly from: number; readonly size: number },
): Promise<string> {
  const socket = createSocket('udp4');
  socket.bind(from);
  await once(socket, 'listening');
  socket.send(Buffer.alloc(size), to.port, to.host);
  const signal = AbortSignal.timeout(limitMs);
  const [answer] = (await once(socket, 'message', { signal })) as [Buffer];
  return answer.toString();
}

const [verb, host = '', port = '', ...others] = process.argv.slice(2);
const to = { host, port: Number(port) };
const [first = 0, second = 0] = others.map(Number);

async function run(): Promise<void> {
  if (verb === 'serve') return await serve();
  if (verb === 'hold') {
    const socket = await open(to, first);
    socket.setTimeout(0);
    process.stdout.write(`${await askOn(socket)}\n`);
    for await (const _line of createInterface({ input: process.stdin })) {
      process.stdout.write(`${await askOn(socket)}\n`);
    }
    return void socket.destroy();
  }
  const answer =
    verb === 'send'
      ? send(to, { from: first, size: second })
      : open(to, verb === 'ask' ? first : 0).then(async (socket) =>
          verb === 'ask' ? await askOn(socket) : String(await push(socket, first)),
        );
  process.stdout.write(`${await answer.catch(() => nobody)}\n`);
  process.exit();
}

await run();
