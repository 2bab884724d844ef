import { TuttiError } from '../lib/error.ts';

/** A manager leaves only by force. The space at the end is Swarm's. */
export function lastManager(): TuttiError {
  return new TuttiError(
    'unavailable',
    'You are attempting to leave the swarm on a node that is participating as a manager. ' +
      'Removing the last manager erases all current state of the swarm. ' +
      'Use `--force` to ignore this message. ',
  );
}
