import { once } from 'node:events';
import { createServer } from 'node:net';
import { TuttiError } from '../../../src/lib/error.ts';

const triedPorts = 100;

/**
 * The first port from `wanted` on that nobody on this machine has.
 *
 * @param others Ports that are promised to somebody already.
 */
export async function findFreePort(wanted: number, others: readonly number[]): Promise<number> {
  for (let port = wanted; port < wanted + triedPorts; port += 1) {
    if (!others.includes(port) && (await isFree(port))) return port;
  }
  throw new TuttiError(
    'resource-exhausted',
    `The ports ${wanted} to ${wanted + triedPorts - 1} are all taken on this machine.`,
  );
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer();
  server.listen(port);
  const isListening = await once(server, 'listening').then(
    () => true,
    () => false,
  );
  if (isListening) {
    server.close();
    await once(server, 'close');
  }
  return isListening;
}
