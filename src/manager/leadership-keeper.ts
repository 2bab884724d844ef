import type { Clock } from '../host/clock.ts';
import type { FollowedEngine, LeadershipStore, Sighting } from '../host/followed-store.ts';
import type { Logger } from '../host/logger.ts';
import type { Random } from '../host/random.ts';
import { decide, mayAct, wakeAt } from '../leadership/decide.ts';
import type { LeadershipEvent, LeadershipStep, Stance } from '../leadership/stance.ts';
import { startFollowing, startVacant } from '../leadership/stance.ts';
import { type LeadershipTerms, leadershipTerms } from '../leadership/terms.ts';
import { unreachable } from '../lib/assert.ts';
import { TuttiError } from '../lib/error.ts';
import type { Instant } from '../model/instant.ts';
import type { Store } from '../store/store.ts';

const retryMs = 100;
/** Nothing changes for longer than this without a look. */
const longestSleepMs = 1_000;

export interface LeadershipKeeperOptions {
  /** It follows, and nobody else changes that. */
  readonly store: Store;
  readonly engine: FollowedEngine;
  readonly leadership: LeadershipStore;
  readonly clock: Clock;
  /** Time in ms by a clock that never jumps. */
  readonly steadyNow: () => Instant;
  readonly random: Random;
  readonly logger: Logger;
  /** 0 for the manager that should lead by preference. */
  readonly rank: () => number;
  /** Whether who holds the epoch is known to be gone, when this manager starts. */
  readonly isVacant?: (seen: Sighting) => boolean;
  /** What the store says of who holds the epoch, as soon as it is known here. */
  readonly onSeen?: (seen: Sighting) => void;
  readonly terms?: LeadershipTerms;
  /** The store takes writes now, or again after `onPause`. */
  readonly onLead: (epoch: number) => void;
  /** Nothing may be told to agents until `onLead`. */
  readonly onPause: () => void;
  /** Another manager leads; the store has what it writes. */
  readonly onFollow: () => void;
}

/**
 * Has this manager follow, take the epoch when its holder is silent, lead, and follow again. The
 * decisions are those of `leadership/decide.ts`.
 */
export class LeadershipKeeper {
  readonly #options: LeadershipKeeperOptions;
  readonly #terms: LeadershipTerms;
  #stance: Stance;
  #wake = Promise.withResolvers<void>();
  #following: { readonly stop: AbortController; readonly over: Promise<void> } | undefined;
  /** Of the newest epoch that the watch told of: all before it is in the store. */
  #followedEpoch = 0;
  #signal: AbortSignal | undefined;
  /** The epoch that is taken and whose store is not here yet. */
  #becoming: number | undefined;

  constructor(options: LeadershipKeeperOptions) {
    this.#options = options;
    this.#terms = options.terms ?? leadershipTerms;
    this.#stance = this.#startFollowing({ epoch: 0, sign: '' });
  }

  /** To be asked before each act towards agents. */
  get mayAct(): boolean {
    return mayAct(this.#stance, { now: this.#options.steadyNow(), terms: this.#terms });
  }

  /** Runs until the signal; the epoch is left to whoever takes it then. */
  async run(signal: AbortSignal): Promise<void> {
    this.#signal = signal;
    const { clock, leadership } = this.#options;
    let seen: Sighting | undefined;
    while (seen === undefined && !signal.aborted) {
      seen = await leadership.ask();
      if (seen === undefined) await clock.sleep(retryMs, signal).catch(() => undefined);
    }
    if (seen === undefined) return;
    this.#options.onSeen?.(seen);
    this.#stance = this.#startFollowing(seen);
    if (this.#options.isVacant?.(seen) === true) {
      const now = this.#options.steadyNow();
      this.#stance = startVacant(seen, { now, extraMs: 0, silentMs: this.#terms.silentMs });
    }
    this.#follow();
    while (!signal.aborted) {
      this.#handle({ kind: 'tick' });
      await this.#sleep(signal);
    }
    await this.#stopFollowing();
  }

  /** After `run`: gives the epoch back where it is held, so that nobody waits for a silence. */
  async release(): Promise<void> {
    const stance = this.#stance;
    if (stance.kind !== 'holding') return;
    this.#stance = this.#startFollowing({ epoch: stance.epoch, sign: '' });
    await this.#options.leadership.release(stance.epoch);
  }

  /** To be called after an update of the store failed: who cannot tell what is durable follows. */
  look(): void {
    const stance = this.#stance;
    if (stance.kind !== 'holding' || this.#options.store.fencedBy === undefined) return;
    this.#stance = this.#startFollowing({ epoch: stance.epoch, sign: '' });
    this.#stepDown();
  }

  #handle(event: LeadershipEvent): void {
    if ('seen' in event) this.#options.onSeen?.(event.seen);
    const { stance, steps } = decide(this.#stance, event, {
      terms: this.#terms,
      now: this.#options.steadyNow(),
      rank: this.#options.rank(),
      fraction: this.#options.random.fraction(),
    });
    this.#stance = stance;
    for (const step of steps) this.#carryOut(step);
    this.#wake.resolve();
  }

  #carryOut(step: LeadershipStep): void {
    const { leadership, onPause } = this.#options;
    switch (step.kind) {
      case 'ask':
        void leadership.ask().then((seen) => {
          this.#handle(seen === undefined ? { kind: 'unanswered' } : { kind: 'answered', seen });
        });
        return;
      case 'take':
        void leadership.take(step.seen).then((outcome) => {
          this.#handle(outcome.kind === 'lost' ? { kind: 'take-lost' } : outcome);
        });
        return;
      case 'write-sign':
        void this.#writeSign(step.epoch);
        return;
      case 'lead':
        void this.#lead(step.epoch);
        return;
      case 'pause':
        onPause();
        return;
      case 'follow':
        this.#stepDown();
        return;
      default:
        unreachable(step);
    }
  }

  async #writeSign(epoch: number): Promise<void> {
    const sentAt = this.#options.steadyNow();
    const outcome = await this.#options.leadership.writeSign(epoch);
    if (outcome.kind === 'proven') this.#handle({ kind: 'proven', by: 'sign', epoch, sentAt });
    else if (outcome.kind === 'lost') this.#handle({ kind: 'sign-lost' });
    else this.#handle({ kind: 'refused', seen: outcome.seen });
  }

  /** Leads once everything is there that was written before the epoch was taken. */
  async #lead(epoch: number): Promise<void> {
    if (this.#becoming === epoch) return;
    if (this.#following !== undefined) {
      this.#becoming = epoch;
      const isReady = await this.#openStore(epoch);
      this.#becoming = undefined;
      if (!isReady) return;
    }
    if (this.#holds(epoch) && this.mayAct) this.#options.onLead(epoch);
  }

  async #openStore(epoch: number): Promise<boolean> {
    const { store, logger } = this.#options;
    while (this.#followedEpoch < epoch && this.#holds(epoch)) await this.#wake.promise;
    if (!this.#holds(epoch)) return false;
    await this.#stopFollowing();
    // It takes as long as a load that is under way: who lost the epoch meanwhile follows again.
    if (!this.#holds(epoch)) return false;
    store.lead(epoch);
    logger.info('this manager leads', { epoch, revision: store.revision });
    return true;
  }

  #holds(epoch: number): boolean {
    return (
      this.#stance.kind === 'holding' &&
      this.#stance.epoch === epoch &&
      this.#signal?.aborted === false
    );
  }

  #stepDown(): void {
    this.#options.logger.warn('this manager leads no more');
    this.#options.onFollow();
    this.#follow({ reload: true });
  }

  /** Follows until told to stop; loads again where something was missed. */
  #follow({ reload = false } = {}): void {
    const before = this.#following;
    before?.stop.abort();
    const stop = new AbortController();
    const over = (before?.over ?? Promise.resolve()).then(() => this.#followOn(stop, { reload }));
    this.#following = { stop, over };
  }

  async #followOn(stop: AbortController, { reload }: { readonly reload: boolean }): Promise<void> {
    const { store, engine, clock, logger } = this.#options;
    let mustReload = reload;
    while (!stop.signal.aborted && this.#signal?.aborted === false) {
      try {
        if (mustReload) await store.reloadToFollow();
        mustReload = true;
        const { gap } = await engine.follow(
          {
            onBatch: (batch) => store.absorb(batch),
            onSighting: (seen) => {
              this.#followedEpoch = seen.epoch;
              this.#handle({ kind: 'heard', seen });
            },
          },
          stop.signal,
        );
        if (gap !== undefined) logger.warn('what the leader wrote was missed', { why: gap });
      } catch (reason) {
        const { message } = TuttiError.from(reason);
        logger.error('the store could not be loaded to follow', { error: message });
        await clock.sleep(retryMs, stop.signal).catch(() => undefined);
      }
    }
  }

  async #stopFollowing(): Promise<void> {
    const following = this.#following;
    this.#following = undefined;
    following?.stop.abort();
    await following?.over;
  }

  #startFollowing(seen: Sighting): Stance {
    const { steadyNow, rank, random } = this.#options;
    const extraMs = rank() * this.#terms.rankStepMs + random.fraction() * this.#terms.jitterMs;
    return startFollowing(seen, { now: steadyNow(), extraMs });
  }

  async #sleep(signal: AbortSignal): Promise<void> {
    const { clock, steadyNow } = this.#options;
    const dueMs = wakeAt(this.#stance, this.#terms) - steadyNow();
    const delayMs = Math.min(Math.max(dueMs, 1), longestSleepMs);
    const over = new AbortController();
    const stop = AbortSignal.any([signal, over.signal]);
    this.#wake = Promise.withResolvers();
    const timer = clock.sleep(delayMs, stop).catch(() => undefined);
    await Promise.race([timer, this.#wake.promise]);
    // A reason of its own costs less than the one that would be made: this happens all the time.
    over.abort('woken');
  }
}
