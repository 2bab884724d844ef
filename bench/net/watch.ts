/*
 * Watches names and ports from where it runs, and tells each change (one JSON a line, with the time
 * since the epoch in ms): `watch.ts name SERVER NAME`: its addresses; `watch.ts ports PORT
 * ADDRESS…`: whether each takes connections. Ends when its standard input does.
 */
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { lookUp } from '../../test/fixture/look-up.ts';

const everyMs = 4;
const answerLimitMs = 400;

const [verb, ...parameters] = process.argv.slice(2);
process.stdin.resume().on('end', () => process.exit());
if (verb === 'name') await watchName(parameters[0] ?? '', parameters[1] ?? '');
else {
  const [port = '', ...addresses] = parameters;
  await Promise.all(addresses.map(async (address) => await watchPort(address, Number(port))));
}

function tell(subject: string, state: string): void {
  const at = performance.timeOrigin + performance.now();
  process.stdout.write(`${JSON.stringify({ at, subject, state })}\n`);
}

async function watchName(server: string, name: string): Promise<void> {
  let before: string | undefined;
  for (;;) {
    const state = (await lookUp(server, name))?.join(' ');
    if (state !== undefined && state !== before) tell(name, state);
    before = state ?? before;
    await sleep(everyMs);
  }
}

async function watchPort(address: string, port: number): Promise<void> {
  let before: string | undefined;
  for (;;) {
    const state = (await isTaken(address, port)) ? 'open' : 'closed';
    if (state !== before) tell(address, state);
    before = state;
    await sleep(everyMs);
  }
}

async function isTaken(host: string, port: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect({ host, port, timeout: answerLimitMs });
  socket.on('connect', () => resolve(true));
  for (const event of ['error', 'timeout'] as const) socket.on(event, () => resolve(false));
  try {
    return await promise;
  } finally {
    socket.destroy();
  }
}
