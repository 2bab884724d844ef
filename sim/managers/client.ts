import type { Clock } from '../../src/host/clock.ts';
import { TuttiError } from '../../src/lib/error.ts';
import type { Prng } from '../../src/lib/prng.ts';
import type { ClusterCheckers } from '../cluster/checkers.ts';
import type { SimulatedManager } from './manager.ts';

const everyMs = 2_000;
const longestWaitMs = 12_000;

/**
 * Somebody who asks any manager, again and again: writes one thing after the other, and looks
 * whether all that was acknowledged is there. What the clients know is what the cluster promised.
 */
export class AskingClient {
  readonly #clock: Clock;
  readonly #dice: Prng;
  readonly #checkers: ClusterCheckers;
  readonly #managers: readonly SimulatedManager[];
  readonly #acknowledged = new Set<string>();
  #asked = 0;
  #isOver = false;
  lastAnswerAt = 0;

  constructor(options: {
    readonly clock: Clock;
    readonly dice: Prng;
    readonly checkers: ClusterCheckers;
    readonly managers: readonly SimulatedManager[];
  }) {
    this.#clock = options.clock;
    this.#dice = options.dice;
    this.#checkers = options.checkers;
    this.#managers = options.managers;
  }

  get acknowledged(): number {
    return this.#acknowledged.size;
  }

  start(): void {
    void this.#repeat(async () => await this.#write());
    void this.#repeat(async () => await this.#read());
  }

  stop(): void {
    this.#isOver = true;
  }

  async #repeat(ask: () => Promise<void>): Promise<void> {
    while (!this.#isOver) {
      const over = new AbortController();
      const late = this.#clock.sleep(longestWaitMs, over.signal).catch(() => undefined);
      // What is not answered is not known to be done.
      await Promise.race([ask().catch(() => undefined), late]);
      over.abort('answered');
      await this.#clock.sleep(this.#dice.fraction() * everyMs);
    }
  }

  async #write(): Promise<void> {
    this.#asked += 1;
    const name = `w${this.#asked}`;
    const manager = this.#dice.pick(this.#managers);
    const control = await manager.whoAnswers('write', new AbortController().signal);
    await control.createConfig({ name, labels: {} }, 'eA==');
    this.#acknowledged.add(name);
    this.lastAnswerAt = this.#clock.now();
  }

  /** Whatever was acknowledged before the question is in the answer. */
  async #read(): Promise<void> {
    const before = [...this.#acknowledged];
    const manager = this.#dice.pick(this.#managers);
    const { view } = await manager.whoAnswers('read', new AbortController().signal);
    const names = new Set([...view.configs.all()].map(({ spec }) => spec.name));
    const missing = before.filter((name) => !names.has(name));
    if (missing.length === 0) return;
    const message = `${manager.nodeId} showed no ${missing.join(', ')}`;
    this.#checkers.report('a read shows less than was acknowledged', message);
  }

  /** Once all is healed. */
  check(manager: SimulatedManager): void {
    const configs = [...(manager.store?.view.configs.all() ?? [])];
    const names = new Set(configs.map(({ spec }) => spec.name));
    const missing = [...this.#acknowledged].filter((name) => !names.has(name));
    if (missing.length === 0) return;
    const message = `${manager.nodeId} has no ${missing.join(', ')}`;
    this.#checkers.report('acknowledged write lost', message);
  }
}

/** For those who ask once and are to be answered. @throws TuttiError. */
export async function patiently<T>(clock: Clock, ask: () => Promise<T>): Promise<T> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await ask();
    } catch (reason) {
      const error = TuttiError.from(reason);
      if (error.code !== 'unavailable' || tries > 100) throw error;
      await clock.sleep(200);
    }
  }
}
