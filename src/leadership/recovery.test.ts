import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ManagerOutlook } from '../model/recovery.ts';
import { refuseRecovery } from './recovery.ts';

/** `S` is the manager that is asked, `y` another one that answers, `n` one that does not. */
function managers(text: string): readonly ManagerOutlook[] {
  return Array.from(text, (letter, index) => ({
    nodeId: `m${index}`,
    address: `10.0.0.${index}:2377`,
    isSelf: letter === 'S',
    answers: letter !== 'n',
  }));
}

const cases = [
  { who: 'Snn', says: undefined },
  { who: 'Sn', says: undefined },
  { who: 'Synnn', says: undefined },
  { who: 'S', says: undefined },
  { who: 'Syn', says: /^2 of 3 managers answer, which is enough: one is about to lead/ },
  { who: 'Sy', says: /^2 of 2 managers answer, which is enough/ },
  { who: 'Snn', storeAnswers: true, says: /^1 of 3 managers answer, and they work/ },
  { who: 'S', storeAnswers: true, says: /^this manager is the only one, and works/ },
  { who: 'nnn', says: /no manager of its cluster any more/ },
  { who: 'Snn', hasStore: false, says: /not on its disk/ },
] as const;

for (const given of cases) {
  const { who, says } = given;
  const storeAnswers = 'storeAnswers' in given;
  const hasStore = !('hasStore' in given);
  const where = `${who}${storeAnswers ? ' with a store that answers' : ''}${hasStore ? '' : ' without a store'}`;
  test(`a recovery with ${where} is ${says === undefined ? 'allowed' : 'refused with the reason'}`, () => {
    const refusal = refuseRecovery({ managers: managers(who), storeAnswers, hasStore });
    if (says === undefined) assert.equal(refusal, undefined);
    else assert.match(refusal?.message ?? '', says);
  });
}
