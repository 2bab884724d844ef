import type { NodeMembership } from '../host/membership.ts';
import { TuttiError } from '../lib/error.ts';

/** Swarm's words to those who ask a worker for what is the cluster's. */
export const workerSentence =
  "This node is not a swarm manager. Worker nodes can't be used to view or modify cluster state. " +
  'Please run this command on a manager node or promote the current node to a manager.';

/** @throws TuttiError `unavailable` where this machine is a worker. */
export function refuseOnWorker({ state }: NodeMembership): void {
  if (state.kind === 'worker') throw new TuttiError('unavailable', workerSentence);
}
