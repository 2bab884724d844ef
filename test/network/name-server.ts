/*
 * Nameservers of the world outside: each answers few names with an address that ends like its own,
 * and says on its standard output who was asked for what.
 */
import { createSocket } from 'node:dgram';
import { decode, encode } from 'dns-packet';

/** No such name (RFC 1035, 4.1.1). */
const nameError = 3;

for (const address of process.argv.slice(2)) {
  const socket = createSocket('udp4');
  socket.on('message', (message, client) => {
    const query = decode(message);
    const [question] = query.questions ?? [];
    if (question === undefined) return;
    process.stdout.write(`${address} ${question.type} ${question.name}\n`);
    const data = `198.51.100.${address.split('.').at(-1)}`;
    const isKnown = /^(example|printer)\./.test(question.name);
    const reply = encode({
      type: 'response',
      id: query.id ?? 0,
      flags: 0x0180 | (isKnown ? 0 : nameError),
      questions: [question],
      answers:
        isKnown && question.type === 'A' ? [{ type: 'A', name: question.name, ttl: 0, data }] : [],
    });
    socket.send(reply, client.port, client.address);
  });
  socket.bind(53, address, () => process.stdout.write(`${address} is up\n`));
}
