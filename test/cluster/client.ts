import { request } from 'node:http';
import { type ClusterSite, webPort } from './cluster-site.ts';

const everyMs = 50;
const patienceMs = 2_000;

/** A request that got no answer. */
export interface LostRequest {
  readonly host: string;
  readonly from: number;
  readonly to: number;
  readonly why: string;
}

/** When requests may get lost: after a node or the leader was. Milliseconds of the clock. */
export interface Window {
  readonly from: number;
  readonly to: number;
}

export interface Traffic {
  readonly requests: number;
  readonly inside: readonly LostRequest[];
  readonly outside: readonly LostRequest[];
}

/** Asks the application 20 times a second, each time with a new connection. */
export class Client implements AsyncDisposable {
  readonly #site: ClusterSite;
  readonly #timer: NodeJS.Timeout;
  readonly #open = new Set<Promise<void>>();
  readonly #away = new Set<string>();
  readonly #windows: Window[] = [];
  #requests = 0;
  #lost: LostRequest[] = [];

  constructor(site: ClusterSite) {
    this.#site = site;
    this.#timer = setInterval(() => this.#begin(), everyMs);
  }

  /** A host that is lost is not asked any more. */
  leave(host: string): void {
    this.#away.add(host);
  }

  comeBack(host: string): void {
    this.#away.delete(host);
  }

  addWindow(window: Window): void {
    this.#windows.push(window);
  }

  /** What there was since the last time; requests that are under way belong to it. */
  async take(): Promise<Traffic> {
    await Promise.all(this.#open);
    const [requests, lost] = [this.#requests, this.#lost];
    this.#requests = 0;
    this.#lost = [];
    const isInside = (one: LostRequest): boolean =>
      this.#windows.some(({ from, to }) => one.from <= to && one.to >= from);
    return {
      requests,
      inside: lost.filter(isInside),
      outside: lost.filter((one) => !isInside(one)),
    };
  }

  #begin(): void {
    const hosts = this.#site.hosts.filter(({ name }) => !this.#away.has(name));
    const host = hosts[this.#requests % hosts.length];
    this.#requests += 1;
    if (host === undefined) return;
    const from = Date.now();
    const asked = ask(host.address)
      .catch((error: unknown) => String(error))
      .then((why) => {
        if (why !== undefined) this.#lost.push({ host: host.name, from, to: Date.now(), why });
        this.#open.delete(asked);
      });
    this.#open.add(asked);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#open);
  }
}

/** Undefined: it was answered; else why not. */
function ask(address: string): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(patienceMs);
    const options = { host: address, port: webPort, path: '/version', agent: false, signal };
    const outgoing = request(options, (response) => {
      response.once('error', reject);
      response.resume();
      response.once('end', () => {
        const { statusCode } = response;
        resolve(statusCode === 200 ? undefined : `status ${statusCode}`);
      });
    });
    outgoing.once('error', reject);
    outgoing.end();
  });
}
