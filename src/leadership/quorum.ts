import { unreachable } from '../lib/assert.ts';
import { mostManagers } from '../model/known-manager.ts';

/** A manager as a voter of the store, as far as it can be told now. */
export interface Voter {
  readonly nodeId: string;
  /** A learner receives all and does not vote. */
  readonly isLearner: boolean;
  /** It answers. */
  readonly isReachable: boolean;
  /** It has nearly all that the leader has. */
  readonly isInStep: boolean;
}

export type VoterChange =
  /** As a learner, in the first place. */
  | { readonly kind: 'add'; readonly nodeId: string }
  /** A learner gets its vote. */
  | { readonly kind: 'give-vote'; readonly nodeId: string }
  | { readonly kind: 'remove'; readonly nodeId: string };

export type VoterVerdict =
  | { readonly kind: 'allowed' }
  | { readonly kind: 'refused'; readonly message: string; readonly hint: string };

const allowed: VoterVerdict = { kind: 'allowed' };

/** How many of so many voters must answer for a write. */
export function majorityOf(voters: number): number {
  return Math.floor(voters / 2) + 1;
}

/**
 * Whether a change of the managers may be made now. Refused is what the store could not carry out,
 * and what would leave fewer managers answering than its next write needs.
 */
export function judgeVoterChange(voters: readonly Voter[], change: VoterChange): VoterVerdict {
  const voting = voters.filter(({ isLearner }) => !isLearner);
  const answering = voting.filter(({ isReachable }) => isReachable);
  if (answering.length < majorityOf(voting.length)) {
    const needed = majorityOf(voting.length);
    return refused(
      `${answering.length} of ${voting.length} managers answer, and ${needed} must for any change`,
      'Start the other managers again; if they are lost for good, recover the cluster.',
    );
  }
  const subject = voters.find(({ nodeId }) => nodeId === change.nodeId);
  switch (change.kind) {
    case 'add':
      return judgeAdd(voters, subject);
    case 'give-vote':
      return judgeVote({ voting, answering }, { change, subject });
    case 'remove':
      return judgeRemove({ voting, answering }, { change, subject });
    default:
      return unreachable(change);
  }
}

function judgeAdd(voters: readonly Voter[], subject: Voter | undefined): VoterVerdict {
  if (subject !== undefined) {
    return refused(`node ${subject.nodeId} is a manager already`, 'There is nothing to do.');
  }
  if (voters.length >= mostManagers) {
    return refused(
      `there are ${voters.length} managers, and there can be ${mostManagers}`,
      'Demote one first, or leave the node a worker: workers need no manager of their own.',
    );
  }
  const learner = voters.find(({ isLearner }) => isLearner);
  if (learner !== undefined) {
    return refused(
      `node ${learner.nodeId} is still learning what the managers know`,
      'Managers join one after the other: try again in a moment.',
    );
  }
  return allowed;
}

interface Votes {
  readonly voting: readonly Voter[];
  readonly answering: readonly Voter[];
}

interface Case {
  readonly change: VoterChange;
  readonly subject: Voter | undefined;
}

function judgeVote({ voting, answering }: Votes, { change, subject }: Case): VoterVerdict {
  if (subject === undefined) return isNone(change);
  if (!subject.isLearner) return allowed;
  if (!subject.isReachable || !subject.isInStep) {
    return refused(
      `node ${subject.nodeId} does not know yet what the managers know`,
      'It gets its vote as soon as it does.',
    );
  }
  return enough({ answering: answering.length + 1, voting: voting.length + 1, change });
}

function judgeRemove({ voting, answering }: Votes, { change, subject }: Case): VoterVerdict {
  if (subject === undefined) return isNone(change);
  if (subject.isLearner) return allowed;
  if (voting.length === 1) {
    return refused(
      `node ${subject.nodeId} is the last manager`,
      'Promote another node first; to end the cluster, leave it with --force.',
    );
  }
  const left = answering.filter((voter) => voter !== subject);
  return enough({ answering: left.length, voting: voting.length - 1, change });
}

function enough(after: {
  readonly answering: number;
  readonly voting: number;
  readonly change: VoterChange;
}): VoterVerdict {
  const needed = majorityOf(after.voting);
  if (after.answering >= needed) return allowed;
  return refused(
    `of the ${after.voting} managers after that, ${after.answering} would answer, and ${needed} ` +
      'must for any write',
    'Start the managers that do not answer, or remove those first.',
  );
}

function isNone({ nodeId }: VoterChange): VoterVerdict {
  return refused(`node ${nodeId} is no manager`, 'See which nodes are, with node ls.');
}

function refused(message: string, hint: string): VoterVerdict {
  return { kind: 'refused', message, hint };
}
