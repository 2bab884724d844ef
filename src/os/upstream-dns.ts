import { existsSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import type { DnsQuery } from './dns-queries.ts';
import { UpstreamCache } from './upstream-cache.ts';
import {
  askServer,
  isHelpless,
  type Nameserver,
  type OutsideQuestion,
  outsideQuestion,
} from './upstream-exchange.ts';

/** Resolvers of the C library ask again after five seconds: who cannot answer says so before. */
const wholeLimitMs = 4_500;
const usualFirstLimitMs = 1_000;
const rounds = 3;
/** Questions that others are asked at the same time. */
const exchangeLimit = 256;
/** Who waits for them. */
const waitingLimit = 2_048;
const cacheLimit = 2_048;
/** Who gave no answer is asked last for so long. */
const restMs = 10_000;
const readAgainMs = 1_000;
const resolvConfPath = '/etc/resolv.conf';
const domainPort = 53;

export interface UpstreamDnsOptions {
  readonly path?: string;
  /** A test's; else that of DNS. */
  readonly port?: number;
  /** Of a clock that only goes forward. */
  readonly now?: () => number;
  /** How long a server is waited for before the next one is asked, at first. */
  readonly firstLimitMs?: number;
}

/**
 * Asks the resolvers of this machine, or others, and keeps their answers for as long as they say.
 */
export class UpstreamDns {
  readonly #path: string;
  readonly #port: number;
  readonly #now: () => number;
  readonly #firstLimitMs: number;
  readonly #cache = new UpstreamCache(cacheLimit);
  /** Who asks what is being asked waits for the same answer. */
  readonly #asking = new Map<string, Promise<Buffer | undefined>>();
  readonly #silentUntil = new Map<string, number>();
  #servers: { readonly addresses: readonly string[]; readonly readAtMs: number } | undefined;
  #waiting = 0;

  constructor(options: UpstreamDnsOptions = {}) {
    this.#path = options.path ?? resolvConfPath;
    this.#port = options.port ?? domainPort;
    this.#now = options.now ?? (() => performance.now());
    this.#firstLimitMs = options.firstLimitMs ?? usualFirstLimitMs;
  }

  /**
   * The answer of the first resolver that knows one, as it came: number and letters of the question
   * may be others. Undefined when none gives one in time.
   *
   * @param servers Addresses to ask instead of the machine's resolvers.
   */
  async ask(query: DnsQuery, servers: readonly string[] | undefined): Promise<Buffer | undefined> {
    const question = outsideQuestion(query);
    const key = `${servers?.join(',') ?? ''} ${question.key}`;
    const kept = this.#cache.find(key, this.#now());
    if (kept !== undefined) return kept;
    if (this.#waiting >= waitingLimit) return undefined;
    this.#waiting += 1;
    try {
      return await (this.#asking.get(key) ?? this.#begin(key, { question, servers }));
    } finally {
      this.#waiting -= 1;
    }
  }

  #begin(
    key: string,
    ask: {
      readonly question: OutsideQuestion;
      readonly servers: readonly string[] | undefined;
    },
  ): Promise<Buffer | undefined> {
    if (this.#asking.size >= exchangeLimit) return Promise.resolve(undefined);
    const asking = this.#askAll(ask).then((answer) => {
      if (answer !== undefined) this.#cache.keep(key, { message: answer, nowMs: this.#now() });
      return answer;
    });
    const over = asking.finally(() => this.#asking.delete(key));
    this.#asking.set(key, over);
    return over;
  }

  /** One after the other, and again: a datagram may have been lost. */
  async #askAll(ask: {
    readonly question: OutsideQuestion;
    readonly servers: readonly string[] | undefined;
  }): Promise<Buffer | undefined> {
    const giveUpAt = this.#now() + wholeLimitMs;
    const left = new Set(this.#inOrder(ask.servers ?? (await this.#machineServers())));
    let helpless: Buffer | undefined;
    for (let round = 1; round <= rounds; round += 1) {
      for (const address of left) {
        const timeoutMs = Math.min(round * this.#firstLimitMs, giveUpAt - this.#now());
        if (timeoutMs <= 0) return helpless;
        const server: Nameserver = { address, port: this.#port };
        const answer = await askServer(server, { question: ask.question, timeoutMs });
        if (answer === undefined) {
          this.#silentUntil.set(address, this.#now() + restMs);
          continue;
        }
        this.#silentUntil.delete(address);
        if (!isHelpless(answer)) return answer;
        helpless ??= answer;
        left.delete(address);
      }
    }
    return helpless;
  }

  #inOrder(addresses: readonly string[]): readonly string[] {
    const now = this.#now();
    for (const [address, until] of this.#silentUntil) {
      if (until <= now) this.#silentUntil.delete(address);
    }
    const isSilent = (address: string): boolean => this.#silentUntil.has(address);
    return [
      ...addresses.filter((one) => !isSilent(one)),
      ...addresses.filter((one) => isSilent(one)),
    ];
  }

  /** What this machine appends to names that are not whole. */
  searchDomains(): readonly string[] {
    const text = existsSync(this.#path) ? readFileSync(this.#path, 'utf8') : '';
    // The last line counts (resolv.conf(5)).
    const [, domains] = [...text.matchAll(/^\s*(?:search|domain)[ \t]+(.*)$/gm)].at(-1) ?? [];
    return (domains ?? '').split(/\s+/).filter((domain) => domain !== '');
  }

  async #machineServers(): Promise<readonly string[]> {
    const known = this.#servers;
    if (known !== undefined && this.#now() - known.readAtMs < readAgainMs) return known.addresses;
    const text = await readFile(this.#path, 'utf8').catch(() => '');
    const addresses = text
      .split('\n')
      .flatMap((line) => /^\s*nameserver\s+(\S+)/.exec(line)?.[1] ?? [])
      .filter((address) => isIP(address) !== 0)
      .slice(0, 3);
    this.#servers = { addresses, readAtMs: this.#now() };
    return addresses;
  }
}
