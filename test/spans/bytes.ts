/**
 * Bytes between containers, counted where they arrive.
 *
 *   node bytes.ts serve                counts what each connection brings, and says it at its end
 *   node bytes.ts push ADDRESS COUNT [TEXT [LIMIT_MS]]
 *                                      sends as many, and prints how many the other counted
 *   node bytes.ts mark ADDRESS TEXT    sends a datagram, which nobody has to take
 *   node bytes.ts frame ADDRESS PORT NUMBER
 *                                      sends an empty one that looks like VXLAN of that number
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { text } from 'node:stream/consumers';

const port = 7_071;
const blockBytes = 65_536;
/** Who is not there does not answer. */
const usualLimitMs = 2_000;

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

async function push(
  address: string,
  count: number,
  how: { readonly said: string; readonly limitMs: number },
): Promise<string> {
  const socket = connect({ host: address, port, allowHalfOpen: true });
  socket.setTimeout(how.limitMs, () => socket.destroy(new Error('no answer')));
  const counted = text(socket);
  const block = Buffer.alloc(blockBytes, how.said);
  for (let left = count; left > 0; left -= blockBytes) {
    const isTaken = socket.write(left < blockBytes ? block.subarray(0, left) : block);
    if (!isTaken) await Promise.race([once(socket, 'drain'), counted]);
  }
  socket.end();
  return await counted;
}

async function mark(address: string, said: string | Uint8Array, at: number = port): Promise<void> {
  const socket = createSocket('udp4');
  await new Promise((resolve) => socket.send(said, at, address, resolve));
  socket.close();
}

/** RFC 7348, 5: flags, the number in 24 bits, and no frame. */
function frameOf(number: number): Uint8Array {
  const header = Buffer.alloc(8);
  header[0] = 0x08;
  header.writeUIntBE(number, 4, 3);
  return header;
}

const [verb, address = '', count = '0', said = '', limit = usualLimitMs] = process.argv.slice(2);
if (verb === 'serve') await serve();
if (verb === 'mark') await mark(address, count);
if (verb === 'frame') await mark(address, frameOf(Number(said)), Number(count));
if (verb === 'push') {
  const how = { said, limitMs: Number(limit) };
  const counted = await push(address, Number(count), how).catch(() => 'nothing');
  process.stdout.write(`${counted}\n`);
}
