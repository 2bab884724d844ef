import { Agent, request } from 'node:http';

const patienceMs = 5_000;
const keptConnections = 20;
const perSecond = 200;
const tickMs = 5;

/** A request without a good answer. */
export interface Failure {
  readonly at: number;
  readonly kind: Kind;
  readonly host: string;
  readonly why: string;
}

type Kind = 'kept' | 'new';

export interface Counts {
  readonly kept: number;
  readonly fresh: number;
  readonly failures: readonly Failure[];
}

/**
 * Fetches a page 200 times a second on connections that are kept, one for each of twenty callers,
 * and 200 times a second on a new one, from all addresses in turn.
 */
export class Callers implements AsyncDisposable {
  readonly #addresses: readonly string[];
  readonly #port: number;
  readonly #timer: NodeJS.Timeout;
  readonly #since = performance.now();
  #asked = 0;
  readonly #agents = Array.from(
    { length: keptConnections },
    () => new Agent({ keepAlive: true, maxSockets: 1 }),
  );
  readonly #open = new Set<Promise<void>>();
  #counts = { kept: 0, fresh: 0 };
  #failures: Failure[] = [];

  constructor(addresses: readonly string[], port: number) {
    this.#addresses = addresses;
    this.#port = port;
    this.#timer = setInterval(() => this.#askDue(), tickMs);
  }

  /** A timer that is late makes up for it. */
  #askDue(): void {
    const due = Math.floor(((performance.now() - this.#since) / 1_000) * perSecond);
    for (; this.#asked < due; this.#asked += 1) {
      this.#ask('kept');
      this.#ask('new');
    }
  }

  /** What there was since the last time; requests that are under way belong to it. */
  async take(): Promise<Counts> {
    await Promise.all(this.#open);
    const taken = { ...this.#counts, failures: this.#failures };
    this.#counts = { kept: 0, fresh: 0 };
    this.#failures = [];
    return taken;
  }

  #ask(kind: Kind): void {
    const turn = kind === 'kept' ? (this.#counts.kept += 1) : (this.#counts.fresh += 1);
    const caller = turn % keptConnections;
    // Who keeps a connection keeps to its node.
    const host = this.#addresses[(kind === 'kept' ? caller : turn) % this.#addresses.length] ?? '';
    const agent = kind === 'kept' ? (this.#agents[caller] ?? false) : false;
    const at = Date.now();
    const asked = this.#fetch(host, agent)
      .catch((error: unknown) => {
        this.#failures.push({ at, kind, host, why: String(error) });
      })
      .finally(() => this.#open.delete(asked));
    this.#open.add(asked);
  }

  #fetch(host: string, agent: Agent | false): Promise<void> {
    return new Promise((resolve, reject) => {
      const signal = AbortSignal.timeout(patienceMs);
      const outgoing = request({ host, port: this.#port, path: '/', agent, signal }, (response) => {
        response.once('error', reject);
        response.resume();
        response.once('end', () => {
          if (response.statusCode === 200) resolve();
          else reject(new Error(`status ${response.statusCode}`));
        });
      });
      outgoing.once('error', reject);
      outgoing.end();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#open);
    for (const agent of this.#agents) agent.destroy();
  }
}
