import { TuttiError } from '../lib/error.ts';
import type { NodeDescription } from '../model/node.ts';
import type { MembershipOptions } from './membership-options.ts';
import { within } from './within.ts';

const describeLimitMs = 5_000;

/**
 * Also says whether the container engine is there, and new enough.
 *
 * @throws TuttiError `failed-precondition`; the signal's reason where it aborted.
 */
export async function describeMachine(
  {
    describe,
    clock,
  }: Pick<MembershipOptions, 'clock'> & {
    readonly describe: (signal: AbortSignal) => Promise<NodeDescription>;
  },
  signal: AbortSignal,
): Promise<NodeDescription> {
  const run = async (limit: AbortSignal): Promise<NodeDescription> =>
    await describe(AbortSignal.any([signal, limit]));
  try {
    return await within(describeLimitMs, { clock, run });
  } catch (error) {
    signal.throwIfAborted();
    const { message } = TuttiError.from(error);
    throw new TuttiError(
      'failed-precondition',
      `this machine cannot join while its container engine does not answer as it should: ${message}`,
      { hint: 'Start it, or update it: Docker 20.10 is the oldest that works.', cause: error },
    );
  }
}
