import { TuttiError } from '../lib/error.ts';

/** Said to who makes or joins a cluster on a node of one, in Swarm's words. */
export function alreadyInCluster(): TuttiError {
  return new TuttiError(
    'unavailable',
    'This node is already part of a swarm. ' +
      'Use "docker swarm leave" to leave this swarm and join another one.',
  );
}
