import { createSocket } from 'node:dgram';
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';

const timeoutMs = 2_000;
const concurrency = 256;
const resolvConfPath = '/etc/resolv.conf';

/** Passes queries on to the resolvers of this machine, as they are. */
export class UpstreamDns {
  readonly #path: string;
  #waiting = 0;

  constructor(path: string = resolvConfPath) {
    this.#path = path;
  }

  /** The answer of the first resolver that gives one; undefined when none does in time. */
  async ask(query: Uint8Array): Promise<Buffer | undefined> {
    if (this.#waiting >= concurrency) return undefined;
    this.#waiting += 1;
    try {
      for (const server of await this.#servers()) {
        const answer = await askServer(server, query);
        if (answer !== undefined) return answer;
      }
      return undefined;
    } finally {
      this.#waiting -= 1;
    }
  }

  async #servers(): Promise<readonly string[]> {
    const text = await readFile(this.#path, 'utf8').catch(() => '');
    return text
      .split('\n')
      .flatMap((line) => /^\s*nameserver\s+(\S+)/.exec(line)?.[1] ?? [])
      .filter((address) => isIP(address) !== 0)
      .slice(0, 3);
  }
}

function askServer(address: string, query: Uint8Array): Promise<Buffer | undefined> {
  const { promise, resolve } = Promise.withResolvers<Buffer | undefined>();
  const socket = createSocket(isIP(address) === 6 ? 'udp6' : 'udp4');
  const timer = setTimeout(() => resolve(undefined), timeoutMs);
  socket.on('error', () => resolve(undefined));
  socket.on('message', (answer) => {
    const isSameQuery = answer.length > 2 && answer[0] === query[0] && answer[1] === query[1];
    if (isSameQuery) resolve(answer);
  });
  socket.connect(53, address, () => socket.send(query, () => undefined));
  return promise.finally(() => {
    clearTimeout(timer);
    socket.close();
  });
}
