import assert from 'node:assert/strict';
import { test } from 'node:test';
import { backdateMs, phaseOf, renewalAt, renewalRetryMs, validityFrom } from './validity.ts';

/** Two years: what the documents promise. */
const renewalGraceMs = 2 * 365 * 24 * 3_600_000;

const now = Date.UTC(2026, 10, 21, 8, 0, 0, 345);
const dayMs = 24 * 3_600_000;
const validity = validityFrom(now, 90 * dayMs);

test('a certificate begins an hour ago and lives as long as it was asked to, in seconds', () => {
  assert.equal(new Date(validity.notBefore).toISOString(), '2026-11-21T07:00:00.000Z');
  assert.equal(new Date(validity.notAfter).toISOString(), '2027-02-19T08:00:00.000Z');
});

test('a certificate is valid from its first second to the end of its last', () => {
  const { notBefore, notAfter } = validity;
  assert.equal(phaseOf(validity, notBefore - 1), 'not-yet-valid');
  assert.equal(phaseOf(validity, notBefore), 'valid');
  assert.equal(phaseOf(validity, notAfter + 999), 'valid');
  assert.equal(phaseOf(validity, notAfter + 1_000), 'grace');
  assert.equal(phaseOf(validity, notAfter + renewalGraceMs - 1), 'grace');
  assert.equal(phaseOf(validity, notAfter + renewalGraceMs), 'over');
});

test('a cluster that was off for a year comes back', () => {
  assert.equal(phaseOf(validity, now + 365 * dayMs), 'grace');
});

test('renewals come at 50 to 80 % of the life, where the dice say', () => {
  const issued = validity.notBefore + backdateMs;
  assert.equal(renewalAt(validity, 0), issued + 45 * dayMs);
  assert.equal(renewalAt(validity, 1), issued + 72 * dayMs);
  assert.equal(renewalAt(validity, 0.5), issued + 58.5 * dayMs);
});

test('a renewal that failed is tried again in time, at most each minute while it is good', () => {
  assert.equal(renewalRetryMs(validity, now), 3_600_000);
  assert.equal(renewalRetryMs(validity, validity.notAfter - 10 * 3_600_000), 1_800_000);
  assert.equal(renewalRetryMs(validity, validity.notAfter - 1), 60_000);
  assert.equal(renewalRetryMs(validity, validity.notAfter + dayMs), 10_000, 'it has ended');
});
