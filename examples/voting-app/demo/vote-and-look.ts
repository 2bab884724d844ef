import { setTimeout as sleep } from 'node:timers/promises';
import { TuttiError } from '../../../src/lib/error.ts';
import { castVotes } from '../cast-votes.ts';

export interface VotingAppAddresses {
  readonly vote: string;
  readonly result: string;
}

const votes = 30;
const resultLimitMs = 30_000;
const pollMs = 100;

/**
 * Casts a few votes and waits until the result page has counted them.
 *
 * @throws {TuttiError} when a vote fails or one is missing in the result.
 */
export async function voteAndLook(addresses: VotingAppAddresses): Promise<string> {
  const { failures } = await castVotes({ url: addresses.vote, votes, concurrency: 5 });
  const [failure] = failures;
  if (failure !== undefined) {
    throw new TuttiError(
      'internal',
      `${failures.length} of ${votes} votes failed: ${failure.reason}`,
    );
  }
  const giveUpAt = Date.now() + resultLimitMs;
  let total = await countVotes(addresses.result);
  while (total < votes && Date.now() < giveUpAt) {
    await sleep(pollMs);
    total = await countVotes(addresses.result);
  }
  if (total === votes) return `${votes} votes cast, ${total} counted.`;
  throw new TuttiError('internal', `${votes} votes were cast, and the result shows ${total}.`);
}

async function countVotes(result: string): Promise<number> {
  const reply = await fetch(new URL('/api/results', result));
  const { total } = (await reply.json()) as { readonly total: number };
  return total;
}
