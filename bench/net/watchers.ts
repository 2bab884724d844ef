import { createInterface } from 'node:readline';
import { endOf, type Running } from './inside.ts';

interface Change {
  readonly at: number;
  readonly subject: string;
  readonly state: string;
}

/** What watchers say, each by its name, and since when. */
export class Watchers implements AsyncDisposable {
  readonly #children: Running[] = [];
  readonly #now = new Map<string, Change>();
  #changed = Promise.withResolvers<void>();

  /** `name` tells what it watches from what others do. */
  add(name: string, child: Running): void {
    this.#children.push(child);
    createInterface({ input: child.stdout }).on('line', (line) => {
      const change = JSON.parse(line) as Change;
      this.#now.set(`${name} ${change.subject}`, change);
      this.#changed.resolve();
      this.#changed = Promise.withResolvers();
    });
  }

  /**
   * Resolves with when the last of so many things came to be so.
   *
   * @throws where they do not within the time.
   */
  async all(
    prefix: string,
    wanted: { readonly count: number; readonly limitMs: number; is(state: string): boolean },
  ): Promise<number> {
    const limit = new Promise<'late'>((resolve) => {
      setTimeout(() => resolve('late'), wanted.limitMs).unref();
    });
    for (;;) {
      const mine = [...this.#now].filter(([key]) => key.startsWith(prefix));
      const so = mine.filter(([, { state }]) => wanted.is(state));
      if (so.length === wanted.count && mine.length === wanted.count) {
        return Math.max(...so.map(([, { at }]) => at));
      }
      const changed = this.#changed.promise.then(() => 'changed' as const);
      if ((await Promise.race([changed, limit])) === 'changed') continue;
      const states = mine.map(([key, { state }]) => `${key}: ${state}`).join('; ');
      throw new Error(`not so within ${wanted.limitMs} ms: ${states}`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) await endOf(child);
  }
}
