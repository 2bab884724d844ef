/** The two things that one can vote for; what they are called is up to the pages. */
export const choices = ['a', 'b'] as const;

export type Choice = (typeof choices)[number];

export function isChoice(value: unknown): value is Choice {
  return choices.some((choice) => choice === value);
}

/** A vote as it travels through the queue: JSON with the keys `voter_id`, `vote`, `cast_at`. */
export interface Vote {
  readonly voterId: string;
  readonly choice: Choice;
  /**
   * Milliseconds since the epoch, from the clock of whoever took the vote. Two workers can handle
   * two votes of one person in either order; this decides which of them counts.
   */
  readonly castAtMs: number;
}

/** The Redis list that the pages push to and the workers take from. */
export const queueKey = 'votes';

export function encodeVote(vote: Vote): string {
  return JSON.stringify({ voter_id: vote.voterId, vote: vote.choice, cast_at: vote.castAtMs });
}

/**
 * Reads a queue entry; undefined when it is none. `cast_at` may be missing: producers that know
 * only `voter_id` and `vote` are as good.
 */
export function decodeVote(text: string): Vote | undefined {
  const value = parseJson(text);
  if (typeof value !== 'object' || value === null) return undefined;
  const { voter_id: voterId, vote: choice, cast_at: castAt } = value as Record<string, unknown>;
  if (typeof voterId !== 'string' || voterId === '' || voterId.length > 255) return undefined;
  if (!isChoice(choice)) return undefined;
  return { voterId, choice, castAtMs: Number.isSafeInteger(castAt) ? (castAt as number) : 0 };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
