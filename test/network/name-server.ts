/*
 * Nameservers of the world outside: each answers few names with an address that ends like its own,
 * and says on its standard output who was asked for what. What is long is told over TCP alone.
 */
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import { decode, encode, type Packet } from 'dns-packet';

/** No such name (RFC 1035, 4.1.1). */
const nameError = 3;
const truncated = 0x0200;
const longText = Array.from({ length: 40 }, (_, at) => `${at} `.padEnd(100, 'x'));

function answer(address: string, message: Buffer, over: 'udp' | 'tcp'): Buffer | undefined {
  const query = decode(message);
  const [question] = query.questions ?? [];
  if (question === undefined) return undefined;
  const { name, type } = question;
  process.stdout.write(`${address} ${type} ${name}${over === 'tcp' ? ' over TCP' : ''}\n`);
  const isKnown = /^(example|printer|long)\./.test(name);
  const isTooLong = name.startsWith('long.') && over === 'udp';
  const data = `198.51.100.${address.split('.').at(-1)}`;
  const answers: Packet['answers'] =
    name.startsWith('long.') && over === 'tcp'
      ? [{ type: 'TXT', name, ttl: 0, data: longText }]
      : isKnown && type === 'A'
        ? [{ type: 'A', name, ttl: 0, data }]
        : [];
  return encode({
    type: 'response',
    id: query.id ?? 0,
    flags: 0x0180 | (isKnown ? 0 : nameError) | (isTooLong ? truncated : 0),
    questions: [question],
    answers,
  });
}

for (const address of process.argv.slice(2)) {
  const server = createServer((connection) => {
    connection.on('error', () => connection.destroy());
    connection.once('data', (message: Buffer) => {
      const reply = answer(address, message.subarray(2), 'tcp');
      if (reply === undefined) return;
      const length = Buffer.alloc(2);
      length.writeUInt16BE(reply.length);
      connection.end(Buffer.concat([length, reply]));
    });
  });
  const socket = createSocket('udp4');
  socket.on('message', (message, client) => {
    const reply = answer(address, message, 'udp');
    if (reply !== undefined) socket.send(reply, client.port, client.address);
  });
  server.listen(53, address, () => {
    socket.bind(53, address, () => process.stdout.write(`${address} is up\n`));
  });
}
