import { FenceWatch } from '../src/agent/fence-watch.ts';
import type { Clock } from '../src/host/clock.ts';
import type { ContainerRuntime } from '../src/host/container-runtime.ts';
import type { FenceGuard, FenceHold } from '../src/host/fence-guard.ts';
import type { Logger } from '../src/host/logger.ts';
import type { Prng } from '../src/lib/prng.ts';
import type { Instant } from '../src/model/instant.ts';

const longestStartMs = 400;
const longestCallMs = 5;

/** The guard process of a machine: it outlives agents, and goes with the power. */
export class SimulatedFenceGuard implements FenceGuard {
  readonly #clock: Clock;
  readonly #dice: Prng;
  readonly #runtime: ContainerRuntime;
  readonly #logger: Logger;
  #process: { readonly watch: FenceWatch; readonly stop: AbortController } | undefined;
  #hasDaemon = false;

  constructor(options: {
    /** Never runs slower than time, and never back. */
    readonly clock: Clock;
    readonly dice: Prng;
    readonly runtime: ContainerRuntime;
    readonly logger: Logger;
  }) {
    this.#clock = options.clock;
    this.#dice = options.dice;
    this.#runtime = options.runtime;
    this.#logger = options.logger;
  }

  now(): Instant {
    return this.#clock.now();
  }

  async hold(hold: FenceHold): Promise<boolean> {
    if (this.#process === undefined && hold.taskIds.length === 0) return true;
    await this.#clock.sleep(this.#dice.below(longestCallMs));
    if (this.#process === undefined) {
      await this.#clock.sleep(this.#dice.below(longestStartMs));
      this.#start();
    }
    this.#process?.watch.hold(hold);
    return true;
  }

  set hasDaemon(is: boolean) {
    this.#hasDaemon = is;
    if (this.#process !== undefined) this.#process.watch.hasDaemon = is;
  }

  /** The machine has no power, or the world ends. */
  end(): void {
    this.#process?.stop.abort();
    this.#process = undefined;
  }

  #start(): void {
    const options = { clock: this.#clock, runtime: this.#runtime, logger: this.#logger };
    const process = { watch: new FenceWatch(options), stop: new AbortController() };
    process.watch.hasDaemon = this.#hasDaemon;
    this.#process = process;
    void process.watch.run(process.stop.signal).then(() => {
      if (this.#process === process) this.#process = undefined;
    });
  }
}
