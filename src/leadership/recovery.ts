import type { ManagerOutlook } from '../model/recovery.ts';
import { majorityOf } from './quorum.ts';

export interface RecoverySituation {
  readonly managers: readonly ManagerOutlook[];
  /** The store gave an answer that takes a majority of the managers. */
  readonly storeAnswers: boolean;
  /** Its copy of the store is on this machine. */
  readonly hasStore: boolean;
}

/**
 * Whether one manager may go on without the others: where a majority answers, what it wrote would
 * be lost, and the others would go on as a second cluster. Undefined: it may.
 */
export function refuseRecovery({
  managers,
  storeAnswers,
  hasStore,
}: RecoverySituation): { readonly message: string; readonly hint: string } | undefined {
  const count = managers.length;
  const answering = managers.filter(({ answers }) => answers).length;
  if (storeAnswers && count === 1) {
    return {
      message: 'this manager is the only one, and works: there is nothing to recover',
      hint: 'See with `tutti status` what is wrong.',
    };
  }
  if (storeAnswers) {
    return {
      message: `${answering} of ${count} managers answer, and they work: there is nothing to recover`,
      hint: 'Take a manager that is lost out with `docker node demote` and `docker node rm`.',
    };
  }
  if (count > 1 && answering >= majorityOf(count)) {
    return {
      message: `${answering} of ${count} managers answer, which is enough: one is about to lead`,
      hint:
        'Wait a moment. If none comes to lead, switch the machines off that you give up, and ' +
        'recover then.',
    };
  }
  if (!managers.some(({ isSelf }) => isSelf)) {
    return {
      message: 'this node is no manager of its cluster any more',
      hint: 'Recover on a machine that is, or restore a backup with `tutti restore`.',
    };
  }
  if (hasStore) return undefined;
  return {
    message: 'the store of this manager is not on its disk',
    hint: 'Recover on another manager, or restore a backup with `tutti restore`.',
  };
}
