import assert from 'node:assert/strict';
import { test } from 'node:test';
import { array, assert as assertProperty, constantFrom, nat, property } from 'fast-check';
import { judgeVoterChange, majorityOf, type Voter, type VoterChange } from './quorum.ts';

/** `+` answers, `-` does not, `l` a learner in step, `?` one that is not; nodes are n0, n1, … */
function managers(signs: string): readonly Voter[] {
  return signs.split('').map((sign, index) => ({
    nodeId: `n${index}`,
    isLearner: sign === 'l' || sign === '?',
    isReachable: sign !== '-',
    isInStep: sign !== '?' && sign !== '-',
  }));
}

const cases: readonly (readonly [string, VoterChange['kind'], string, string])[] = [
  ['+', 'add', 'n9', 'allowed'],
  ['+', 'add', 'n0', 'node n0 is a manager already'],
  ['+l', 'add', 'n9', 'node n1 is still learning what the managers know'],
  ['+++++++', 'add', 'n9', 'there are 7 managers, and there can be 7'],
  ['+--', 'add', 'n9', '1 of 3 managers answer, and 2 must for any change'],
  ['+l', 'give-vote', 'n1', 'allowed'],
  ['+?', 'give-vote', 'n1', 'node n1 does not know yet what the managers know'],
  ['++-l', 'give-vote', 'n3', 'allowed'],
  ['+', 'give-vote', 'n9', 'node n9 is no manager'],
  ['+', 'remove', 'n0', 'node n0 is the last manager'],
  ['+l', 'remove', 'n0', 'node n0 is the last manager'],
  ['+?', 'remove', 'n1', 'allowed'],
  ['++', 'remove', 'n1', 'allowed'],
  ['+-', 'remove', 'n1', '1 of 2 managers answer, and 2 must for any change'],
  ['++-', 'remove', 'n2', 'allowed'],
  ['++-', 'remove', 'n0', 'of the 2 managers after that, 1 would answer, and 2 must for any write'],
  ['+++--', 'remove', 'n4', 'allowed'],
  ['+++', 'remove', 'n9', 'node n9 is no manager'],
];

for (const [signs, kind, nodeId, expected] of cases) {
  test(`managers ${signs}, ${kind} ${nodeId}: ${expected}`, () => {
    const verdict = judgeVoterChange(managers(signs), { kind, nodeId });
    assert.equal(verdict.kind === 'allowed' ? 'allowed' : verdict.message, expected);
    if (verdict.kind === 'refused') assert.match(verdict.hint, /\.$/);
  });
}

test('after whatever is allowed, a majority of the voters answers', () => {
  const signs = array(constantFrom('+', '-', 'l', '?'), { minLength: 1, maxLength: 8 });
  const kinds = constantFrom<VoterChange['kind']>('add', 'give-vote', 'remove');
  assertProperty(
    property(signs, kinds, nat(8), (drawn, kind, node) => {
      const change = { kind, nodeId: `n${node}` };
      const before = managers(drawn.join(''));
      if (judgeVoterChange(before, change).kind === 'refused') return;
      const after = before
        .filter(({ nodeId }) => kind !== 'remove' || nodeId !== change.nodeId)
        .filter(
          (voter) => !voter.isLearner || (kind === 'give-vote' && voter.nodeId === change.nodeId),
        );
      const answering = after.filter(({ isReachable }) => isReachable).length;
      assert.ok(answering >= majorityOf(after.length));
    }),
  );
});
