import type { CommitOutcome } from '../host/store-engine.ts';
import { unreachable } from '../lib/assert.ts';
import { TuttiError } from '../lib/error.ts';

/** What the callers of a batch are told when it was not committed. */
export function outcomeError(outcome: Exclude<CommitOutcome, { kind: 'committed' }>): TuttiError {
  switch (outcome.kind) {
    case 'failed':
      return outcome.code === 'disk-full'
        ? new TuttiError(
            'resource-exhausted',
            `the disk of the data directory is full, nothing was changed: ${outcome.message}`,
            { hint: 'Free some space and try again.' },
          )
        : new TuttiError(
            'unavailable',
            `the store could not be written, nothing was changed: ${outcome.message}`,
          );
    case 'refused':
      return new TuttiError(
        'unavailable',
        `another manager holds the store (epoch ${outcome.epoch}), nothing was changed`,
      );
    case 'unknown':
      return new TuttiError(
        'unavailable',
        `the store cannot tell whether the change is durable: ${outcome.message}`,
        { hint: 'Look at the current state before you try again.' },
      );
    default:
      return unreachable(outcome);
  }
}
