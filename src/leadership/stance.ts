import type { Sighting } from '../host/followed-store.ts';
import type { Instant } from '../model/instant.ts';

/** What a manager knows of the lead, and what it does about it. */
export type Stance = Following | Taking | Holding;

export interface Following {
  readonly kind: 'following';
  readonly seen: Sighting;
  /** When it was heard, or when listening began. */
  readonly heardAt: Instant;
  /** Since when every question was answered; undefined while none was. */
  readonly answeringSince: Instant | undefined;
  /** A question waits for its answer. */
  readonly asks: boolean;
  /** No question before. */
  readonly askFrom: Instant;
  /** What rank and dice add to every wait. */
  readonly extraMs: number;
}

export interface Taking {
  readonly kind: 'taking';
  readonly seen: Sighting;
  readonly sentAt: Instant;
}

export interface Holding {
  readonly kind: 'holding';
  readonly epoch: number;
  /** When that was sent which proved last that the epoch is held. */
  readonly provenAt: Instant;
  /** A sign of life is on its way. */
  readonly signs: boolean;
  readonly signFrom: Instant;
  /** What was told last; `mayAct` decides. */
  readonly leads: boolean;
}

export type LeadershipEvent =
  /** Time has passed. */
  | { readonly kind: 'tick' }
  /** The watch told of a commit, a sign of life or a new epoch. */
  | { readonly kind: 'heard'; readonly seen: Sighting }
  /** The store answered a question, with what is true now. */
  | { readonly kind: 'answered'; readonly seen: Sighting }
  | { readonly kind: 'unanswered' }
  /** The epoch after the one that was seen is this manager's. */
  | { readonly kind: 'taken'; readonly epoch: number }
  /** Somebody was faster, or the holder lives. */
  | { readonly kind: 'not-taken'; readonly seen: Sighting }
  /** Whether it was taken cannot be told. */
  | { readonly kind: 'take-lost' }
  /** What was sent at that time was carried out under the epoch. */
  | {
      readonly kind: 'proven';
      readonly by: 'commit' | 'sign';
      readonly epoch: number;
      readonly sentAt: Instant;
    }
  /** A sign of life had no answer. */
  | { readonly kind: 'sign-lost' }
  /** The store refused a commit or a sign of life: the epoch is another's. */
  | { readonly kind: 'refused'; readonly seen: Sighting };

export type LeadershipStep =
  /** Ask the store, such that the answer is not from the past. */
  | { readonly kind: 'ask' }
  /** Take the next epoch, if what was seen is still all there is. */
  | { readonly kind: 'take'; readonly seen: Sighting }
  | { readonly kind: 'write-sign'; readonly epoch: number }
  /** Begin to act under the epoch, or go on. */
  | { readonly kind: 'lead'; readonly epoch: number }
  /** Stop to act: another may begin. The epoch may still be ours. */
  | { readonly kind: 'pause' }
  /** The epoch is lost. */
  | { readonly kind: 'follow'; readonly epoch: number };

export interface Decision {
  readonly stance: Stance;
  readonly steps: readonly LeadershipStep[];
}

/** Whoever held the epoch is known to be gone: no silence has to be waited for. */
export function startVacant(
  seen: Sighting,
  circumstances: { readonly now: Instant; readonly extraMs: number; readonly silentMs: number },
): Following {
  const silentSince = circumstances.now - circumstances.silentMs;
  const following = startFollowing(seen, circumstances);
  return { ...following, heardAt: silentSince, answeringSince: silentSince };
}

/** The beginning: nothing was heard yet, and the silence counts from now. */
export function startFollowing(
  seen: Sighting,
  { now, extraMs }: { readonly now: Instant; readonly extraMs: number },
): Following {
  return {
    kind: 'following',
    seen,
    heardAt: now,
    answeringSince: undefined,
    asks: false,
    askFrom: now,
    extraMs,
  };
}
