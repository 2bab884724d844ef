import type { Managers } from '../host/managers.ts';
import { TuttiError } from '../lib/error.ts';

/** The manager of a cluster that has no other. */
export function onlyManager(nodeId: () => string | undefined): Managers {
  return {
    get nodeId() {
      return nodeId();
    },
    get leaderId() {
      return nodeId();
    },
    isReachable: (other) => other === nodeId(),
    call: async () =>
      await Promise.reject(new TuttiError('unavailable', 'this cluster has one manager')),
  };
}
