import { createSocket } from 'node:dgram';
import { existsSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { connect, isIP } from 'node:net';

const timeoutMs = 2_000;
const concurrency = 256;
const resolvConfPath = '/etc/resolv.conf';

/** Passes queries on to the resolvers of this machine, or to others, as they are. */
export class UpstreamDns {
  readonly #path: string;
  #waiting = 0;

  constructor(path: string = resolvConfPath) {
    this.#path = path;
  }

  /**
   * The answer of the first resolver that gives one; undefined when none does in time.
   *
   * @param options.servers Addresses to ask instead of the machine's resolvers.
   * @param options.overTcp Ask as the asker did: what is long comes whole over TCP alone.
   */
  async ask(
    query: Uint8Array,
    options: { readonly servers: readonly string[] | undefined; readonly overTcp: boolean },
  ): Promise<Buffer | undefined> {
    if (this.#waiting >= concurrency) return undefined;
    this.#waiting += 1;
    try {
      for (const server of options.servers ?? (await this.#servers())) {
        const ask = options.overTcp ? askOverTcp : askOverUdp;
        const answer = await ask(server, query);
        if (answer !== undefined) return answer;
      }
      return undefined;
    } finally {
      this.#waiting -= 1;
    }
  }

  /** What this machine appends to names that are not whole. */
  searchDomains(): readonly string[] {
    const text = existsSync(this.#path) ? readFileSync(this.#path, 'utf8') : '';
    // The last line counts (resolv.conf(5)).
    const [, domains] = [...text.matchAll(/^\s*(?:search|domain)[ \t]+(.*)$/gm)].at(-1) ?? [];
    return (domains ?? '').split(/\s+/).filter((domain) => domain !== '');
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

function askOverUdp(address: string, query: Uint8Array): Promise<Buffer | undefined> {
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

function askOverTcp(address: string, query: Uint8Array): Promise<Buffer | undefined> {
  const { promise, resolve } = Promise.withResolvers<Buffer | undefined>();
  const socket = connect({ host: address, port: 53, timeout: timeoutMs });
  const length = Buffer.alloc(2);
  length.writeUInt16BE(query.length);
  let received = Buffer.alloc(0);
  socket.on('connect', () => socket.write(Buffer.concat([length, query])));
  socket.on('timeout', () => resolve(undefined));
  socket.on('error', () => resolve(undefined));
  socket.on('close', () => resolve(undefined));
  socket.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
    const end = received.length < 2 ? Infinity : 2 + received.readUInt16BE(0);
    if (received.length >= end) resolve(received.subarray(2, end));
  });
  return promise.finally(() => socket.destroy());
}
