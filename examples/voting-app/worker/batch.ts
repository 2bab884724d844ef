import { decodeVote } from '../shared/vote.ts';
import type { Vote } from '../shared/vote.ts';

/** What a batch of queue entries amounts to. */
export interface Batch {
  /** At most one vote a voter, the latest, in the order of voter ids. */
  readonly votes: readonly Vote[];
  /** Entries that are no votes; they are dropped, or they would block the queue for ever. */
  readonly malformed: readonly string[];
}

/**
 * Reads queue entries. One statement cannot write a row twice, so only the latest vote of a voter
 * stays. The fixed order keeps two workers from waiting for each other's rows in a circle.
 */
export function readBatch(entries: readonly string[]): Batch {
  const latest = new Map<string, Vote>();
  const malformed: string[] = [];
  for (const entry of entries) {
    const vote = decodeVote(entry);
    if (vote === undefined) {
      malformed.push(entry);
      continue;
    }
    const known = latest.get(vote.voterId);
    if (known === undefined || known.castAtMs <= vote.castAtMs) latest.set(vote.voterId, vote);
  }
  const votes = [...latest.values()].toSorted((one, other) =>
    one.voterId < other.voterId ? -1 : 1,
  );
  return { votes, malformed };
}
