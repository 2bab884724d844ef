/*
 * `connect.ts serve PORT`: takes connections and ends them. `connect.ts ask ADDRESS PORT COUNT`:
 * opens connections one after the other, and says how long each took until it was there (JSON, ms).
 */
import { once } from 'node:events';
import { connect, createServer } from 'node:net';

const [verb, ...parameters] = process.argv.slice(2);
if (verb === 'serve') {
  createServer((socket) => socket.end()).listen(Number(parameters[0]), () => {
    process.stdout.write('listening\n');
  });
} else {
  const [host = '', port = '', count = ''] = parameters;
  const tookMs: number[] = [];
  for (let number = 0; number < Number(count); number += 1) {
    const began = performance.now();
    const socket = connect({ host, port: Number(port) });
    await once(socket, 'connect');
    tookMs.push(performance.now() - began);
    socket.resume();
    await once(socket, 'close');
  }
  process.stdout.write(JSON.stringify(tookMs));
}
