import type { PlaygroundMachine, ProgramRun } from '../host/playground-machine.ts';
import { TuttiError } from '../lib/error.ts';

/** What a program printed; it must succeed. */
export async function succeed(
  machine: Pick<PlaygroundMachine, 'run'>,
  call: ProgramRun,
): Promise<string> {
  const { code, output, complaint } = await machine.run(call);
  if (code === 0) return output;
  const why = complaint.trim() || output.trim() || `exit code ${code}`;
  throw new TuttiError('internal', `${call.program} ${call.parameters.join(' ')} failed: ${why}`);
}

const pollMs = 10;

/**
 * Looks again and again until there is something.
 *
 * @throws TuttiError `unavailable` after the limit, with a sentence of the caller's.
 */
export async function until<Found>(
  { clock }: Pick<PlaygroundMachine, 'clock'>,
  wait: {
    readonly look: () => Found | undefined | Promise<Found | undefined>;
    readonly limitMs: number;
    readonly late: () => string | Promise<string>;
    /** How long from one look to the next; default 10 ms. */
    readonly everyMs?: number;
    readonly signal?: AbortSignal;
  },
): Promise<Found> {
  const giveUpAt = clock.now() + wait.limitMs;
  for (;;) {
    const found = await wait.look();
    if (found !== undefined) return found;
    wait.signal?.throwIfAborted();
    if (clock.now() > giveUpAt) throw new TuttiError('unavailable', await wait.late());
    await clock.sleep(wait.everyMs ?? pollMs, wait.signal);
  }
}
