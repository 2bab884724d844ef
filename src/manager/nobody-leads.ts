import { majorityOf } from '../leadership/quorum.ts';
import { TuttiError } from '../lib/error.ts';

/** What is said to those who waited for a leader: whether there can be one. */
export function nobodyLeads(managers: {
  readonly answering: number;
  readonly all: number;
}): TuttiError {
  const { answering, all } = managers;
  const majority = majorityOf(all);
  const count = `${answering} of ${all} managers ${answering === 1 ? 'answers' : 'answer'}`;
  if (answering < majority) {
    return new TuttiError('unavailable', `no manager leads: ${count}, and ${majority} must`, {
      hint:
        'Start the others, or find out what keeps them from reaching each other. If the addresses ' +
        'of all of them changed at once, or they are lost for good: `tutti cluster recover` on one.',
    });
  }
  return new TuttiError('unavailable', `no manager leads yet: ${count}, and one is being chosen`, {
    hint: 'Try again in a few seconds.',
  });
}
