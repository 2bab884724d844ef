/**
 * Bytes between containers, counted where they arrive.
 *
 *   node bytes.ts serve                counts what each connection brings, and says it at its end
 *   node bytes.ts push ADDRESS COUNT   sends as many, and prints how many the other counted
 */
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { text } from 'node:stream/consumers';

const port = 7_071;
const blockBytes = 65_536;
/** Who is not there does not answer. */
const limitMs = 2_000;

async function serve(): Promise<void> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    let count = 0;
    socket.on('data', (bytes) => (count += bytes.length));
    socket.on('end', () => socket.end(String(count)));
    socket.on('error', () => undefined);
  });
  server.listen(port);
  await once(server, 'listening');
  process.stdout.write('serving\n');
}

async function push(address: string, count: number): Promise<string> {
  const socket = connect({ host: address, port, allowHalfOpen: true });
  socket.setTimeout(limitMs, () => socket.destroy(new Error('no answer')));
  const counted = text(socket);
  const block = Buffer.alloc(blockBytes);
  for (let left = count; left > 0; left -= blockBytes) {
    const isTaken = socket.write(left < blockBytes ? block.subarray(0, left) : block);
    if (!isTaken) await Promise.race([once(socket, 'drain'), counted]);
  }
  socket.end();
  return await counted;
}

const [verb, address = '', count = '0'] = process.argv.slice(2);
if (verb === 'serve') await serve();
if (verb === 'push') {
  const counted = await push(address, Number(count)).catch(() => 'nothing');
  process.stdout.write(`${counted}\n`);
}
