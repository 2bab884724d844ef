import { setTimeout as sleep } from 'node:timers/promises';
import type { ClusterSite } from './cluster-site.ts';

/** Whom a writer writes through. */
export type WrittenSite = Pick<ClusterSite, 'managers' | 'playground'>;

const pauseMs = 200;
/** A manager that has not answered for so long is left for the next one. */
const patienceMs = 2_000;
const readLimitMs = 20_000;

/**
 * Writes something small through any manager that answers, again and again, and remembers each
 * write that was acknowledged.
 */
export class Writer implements AsyncDisposable {
  readonly #site: WrittenSite;
  readonly #prefix: string;
  readonly #acknowledged: { readonly name: string; readonly atMs: number }[] = [];
  readonly #ended = new AbortController();
  readonly #running: Promise<void>;

  /** @param prefix Of the names that it writes: its own, where several write. */
  constructor(site: WrittenSite, prefix = 'note') {
    this.#site = site;
    this.#prefix = prefix;
    this.#running = this.#run();
  }

  get count(): number {
    return this.#acknowledged.length;
  }

  /** The longest time without an acknowledged write between two moments. */
  longestGapMs(from: number, to: number): number {
    const times = this.#acknowledged.map(({ atMs }) => atMs).filter((at) => at > from && at < to);
    const moments = [from, ...times, to];
    return Math.max(...moments.slice(1).map((at, index) => at - (moments[index] ?? at)));
  }

  /** What was acknowledged and is not there, as a manager says. */
  async findLost(manager: string): Promise<readonly string[]> {
    const promised = this.#acknowledged.map(({ name }) => name);
    const listed = await this.#site.playground
      .client(manager)
      .call<readonly { readonly Spec: { readonly Name: string } }[]>({
        method: 'GET',
        path: '/v1.41/configs',
        signal: AbortSignal.timeout(readLimitMs),
      });
    const there = new Set(listed.map(({ Spec }) => Spec.Name));
    return promised.filter((name) => !there.has(name));
  }

  async #run(): Promise<void> {
    const { managers, playground } = this.#site;
    let turn = 0;
    for (let number = 0; !this.#ended.signal.aborted; number += 1) {
      const name = `${this.#prefix}-${number}`;
      const manager = managers[turn % managers.length] ?? 'manager-1';
      try {
        await playground.client(manager).call({
          method: 'POST',
          path: '/v1.41/configs/create',
          body: { Name: name, Data: 'bm90ZQ==' },
          signal: AbortSignal.timeout(patienceMs),
        });
        this.#acknowledged.push({ name, atMs: Date.now() });
      } catch {
        // Nobody promised anything: the next one is asked.
        turn += 1;
      }
      await sleep(pauseMs);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.abort();
    await this.#running;
  }
}
