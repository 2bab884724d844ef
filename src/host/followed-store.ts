import type { StoredChange, StoreEngine } from './store-engine.ts';

/**
 * What the store says of the holder of its epoch. Two are alike only where the holder proved
 * nothing between them: each commit and each sign of life makes another.
 */
export interface Sighting {
  readonly epoch: number;
  /** Opaque: what a taker's transaction is conditional on. */
  readonly sign: string;
  /**
   * The name of the manager that holds the epoch; absent where nobody has proven anything, or the
   * one that did has given it back.
   */
  readonly holder?: string;
  /** Given back: nobody has to be waited for. */
  readonly isReleased?: boolean;
}

export type TakeOutcome =
  | { readonly kind: 'taken'; readonly epoch: number }
  /** Somebody was faster, or the holder lives. */
  | { readonly kind: 'not-taken'; readonly seen: Sighting }
  | { readonly kind: 'lost' };

export type SignOutcome =
  | { readonly kind: 'proven' }
  /** The epoch is another's. */
  | { readonly kind: 'refused'; readonly seen: Sighting }
  | { readonly kind: 'lost' };

/** How managers agree on who holds the epoch. Nothing throws, and all answer within a second. */
export interface LeadershipStore {
  /** What is true now, not what was; undefined where nobody answers. */
  ask(): Promise<Sighting | undefined>;
  /** Takes the next epoch if what was seen is still all there is. */
  take(seen: Sighting): Promise<TakeOutcome>;
  /** Shows that the holder lives. */
  writeSign(epoch: number): Promise<SignOutcome>;
  /** The holder acts no more, and says so; where that gets lost, its silence says it. */
  release(epoch: number): Promise<void>;
}

/** A commit as another manager made it. */
export interface StoredBatch {
  readonly revision: number;
  readonly changes: readonly StoredChange[];
}

export interface FollowListener {
  /** In order, without a gap, from the revision that was loaded. */
  readonly onBatch: (batch: StoredBatch) => void;
  readonly onSighting: (seen: Sighting) => void;
}

/** A store engine that several managers share. */
export interface FollowedEngine extends StoreEngine {
  /**
   * Tells what others write, from what was loaded last. Resolves when the signal ends it, and with
   * why where it cannot go on: what is durable has to be loaded again then.
   */
  follow(listener: FollowListener, signal: AbortSignal): Promise<{ readonly gap?: string }>;
}
