import type { Clock } from '../host/clock.ts';
import type { FollowedEngine, LeadershipStore } from '../host/followed-store.ts';
import type { Logger } from '../host/logger.ts';
import type { Random } from '../host/random.ts';
import type { LeadershipTerms } from '../leadership/terms.ts';
import { TuttiError } from '../lib/error.ts';
import type { Instant } from '../model/instant.ts';
import { Store, type StoreOptions } from '../store/store.ts';
import { LeadershipKeeper } from './leadership-keeper.ts';
import { type HeldTerm, isVacant, Office } from './office.ts';

const retryMs = 200;
/** Whoever has followed for as long was led by another: this is no start of everything. */
const takeoverAfterMs = 10_000;

/** What a term is made of, beside what its maker has. */
export interface TermSeat {
  readonly epoch: number;
  /** It leads. */
  readonly store: Store;
  /** Another manager led until now. */
  readonly isTakeover: boolean;
  /** To be asked before each act. */
  readonly mayAct: () => boolean;
  /** To be called when an update of the store failed. */
  readonly onStoreFailure: () => void;
}

export interface SeatHolderOptions<Held extends HeldTerm> {
  readonly nodeId: string;
  readonly engine: FollowedEngine;
  readonly clock: Clock;
  /** Time in ms by a clock that never jumps. */
  readonly steadyNow: () => Instant;
  readonly random: Random;
  readonly logger: Logger;
  readonly storeOptions?: StoreOptions;
  readonly terms?: LeadershipTerms;
  /** Begins to lead. */
  readonly begin: (seat: TermSeat) => Held;
}

/**
 * One of several managers without its links: loads the store as soon as a majority answers,
 * follows, leads under the epoch that it holds, follows again. See docs/design/managers.md.
 */
export class SeatHolder<Held extends HeldTerm> {
  readonly office: Office<Held>;
  readonly #options: SeatHolderOptions<Held>;
  #store: Store | undefined;
  #followsSince = 0;
  #keeper: LeadershipKeeper | undefined;

  constructor(options: SeatHolderOptions<Held>) {
    this.#options = options;
    this.office = new Office({
      nodeId: options.nodeId,
      mayAct: () => this.mayAct,
      begin: (epoch) => this.#begin(epoch),
    });
  }

  /** Undefined before it is there to be read. */
  get store(): Store | undefined {
    return this.#store;
  }

  /** To be asked before each act towards agents and clients. */
  get mayAct(): boolean {
    return this.#keeper?.mayAct === true;
  }

  /** Loads the store as soon as a majority answers; undefined where the signal came before. */
  async follow(signal: AbortSignal): Promise<Store | undefined> {
    const { engine, clock, logger, steadyNow, storeOptions } = this.#options;
    const turn = async (): Promise<void> => await clock.turn();
    for (let said = ''; !signal.aborted; ) {
      try {
        this.#store = await Store.follow(engine, { logger, turn, ...storeOptions });
        this.#followsSince = steadyNow();
        const { revision } = this.#store;
        logger.info('this manager follows', { revision });
        return this.#store;
      } catch (reason) {
        const { message } = TuttiError.from(reason);
        if (message !== said) logger.warn('the store cannot be loaded yet', { why: message });
        said = message;
      }
      await clock.sleep(retryMs, signal).catch(() => undefined);
    }
    return undefined;
  }

  /**
   * After `follow`: leads whenever it is its turn, until the signal. Where it leads in the end, it
   * gives that back.
   */
  async lead(
    by: { readonly leadership: LeadershipStore; readonly rank: () => number },
    signal: AbortSignal,
  ): Promise<void> {
    const { office } = this;
    const { nodeId } = this.#options;
    const keeper = new LeadershipKeeper({
      ...this.#options,
      ...by,
      store: this.#loaded(),
      // One process at a time lives here.
      isVacant: (seen) => isVacant(seen, nodeId),
      onSeen: (seen) => office.seen(seen),
      onLead: (epoch) => office.lead(epoch),
      onPause: () => office.pause(),
      onFollow: () => office.follow(),
    });
    this.#keeper = keeper;
    await keeper.run(signal);
    await office.stop();
    await keeper.release();
  }

  #begin(epoch: number): Held {
    const { steadyNow, logger, begin } = this.#options;
    const store = this.#loaded();
    logger.info('a term begins', { epoch, revision: store.revision });
    return begin({
      epoch,
      store,
      isTakeover: steadyNow() - this.#followsSince >= takeoverAfterMs,
      mayAct: () => this.mayAct,
      onStoreFailure: () => this.#keeper?.look(),
    });
  }

  #loaded(): Store {
    if (this.#store !== undefined) return this.#store;
    throw new TuttiError('unavailable', 'the store of this manager is not loaded yet');
  }
}
