import assert from 'node:assert/strict';
import { test } from 'node:test';
import { auditRefusal, type AuditState } from './audit.ts';

test('a flood of refusals becomes twenty lines a minute and a count', () => {
  let state: AuditState | undefined;
  let written = 0;
  for (let index = 0; index < 500; index += 1) {
    const said = auditRefusal(state, { reason: 'wrong-secret', now: index });
    state = said.state;
    if (said.write !== false) written += 1;
  }
  assert.equal(written, 20);
  const other = auditRefusal(state, { reason: 'unknown-node', now: 500 });
  assert.deepEqual(other.write, { dropped: 0 });
  const later = auditRefusal(other.state, { reason: 'wrong-secret', now: 60_000 });
  assert.deepEqual(later.write, { dropped: 480 });
  const next = auditRefusal(later.state, { reason: 'wrong-secret', now: 60_001 });
  assert.deepEqual(next.write, { dropped: 0 });
});

test('a clock that is set back does not silence the log', () => {
  let { state } = auditRefusal(undefined, { reason: 'expired', now: 1_000_000 });
  for (let index = 0; index < 30; index += 1) {
    ({ state } = auditRefusal(state, { reason: 'expired', now: 1_000_000 }));
  }
  const { write } = auditRefusal(state, { reason: 'expired', now: 5 });
  assert.deepEqual(write, { dropped: 11 });
});
