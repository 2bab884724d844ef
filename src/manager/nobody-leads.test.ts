import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nobodyLeads } from './nobody-leads.ts';

const cases = [
  [1, 3, 'no manager leads: 1 of 3 managers answers, and 2 must'],
  [2, 5, 'no manager leads: 2 of 5 managers answer, and 3 must'],
  [1, 2, 'no manager leads: 1 of 2 managers answers, and 2 must'],
  [2, 3, 'no manager leads yet: 2 of 3 managers answer, and one is being chosen'],
  [1, 1, 'no manager leads yet: 1 of 1 managers answers, and one is being chosen'],
] as const;

for (const [answering, all, sentence] of cases) {
  test(`${answering} of ${all}: ${sentence}`, () => {
    const { message, code, hint } = nobodyLeads({ answering, all });
    assert.equal(message, sentence);
    assert.equal(code, 'unavailable');
    assert.ok(hint !== undefined);
  });
}
