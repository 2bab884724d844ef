import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { Leases } from './leases.ts';
import { NodeLease } from './node-lease.ts';
import { leaseTerms } from './terms.ts';

test('a node that was never answered may run nothing that is fenced', () => {
  const lease = new NodeLease(leaseTerms);
  lease.sent(1, 1_000);
  assert.equal(lease.fencedFrom, undefined);
});

test('the moment of sending counts, not that of the answer', () => {
  const lease = new NodeLease(leaseTerms);
  lease.sent(1, 1_000);
  lease.sent(2, 1_500);
  lease.answered(1);
  assert.equal(lease.provenAt, 1_000);
  lease.answered(2);
  assert.equal(lease.provenAt, 1_500);
});

test('an answer that overtook a later one proves nothing more, one that was never asked for nothing', () => {
  const lease = new NodeLease(leaseTerms);
  lease.sent(1, 1_000);
  lease.sent(2, 1_500);
  lease.answered(2);
  lease.answered(1);
  lease.answered(77);
  assert.equal(lease.provenAt, 1_500);
});

test('who is not answered for long forgets what it sent first', () => {
  const lease = new NodeLease(leaseTerms);
  for (let number = 1; number <= 100; number += 1) lease.sent(number, number * 200);
  lease.answered(1);
  assert.equal(lease.provenAt, undefined);
  lease.answered(100);
  assert.equal(lease.provenAt, 20_000);
});

test('whatever is lost and however clocks differ, a node fences before its fenced tasks are given away', () => {
  const datagram = fc.record({
    gapMs: fc.integer({ min: 50, max: 3_000 }),
    delayMs: fc.integer({ min: 0, max: 2_000 }),
    isLost: fc.boolean(),
    isAnswerLost: fc.boolean(),
  });
  const drift = fc.double({ min: 0.99, max: 1.01, noNaN: true });
  fc.assert(
    fc.property(
      fc.array(datagram, { minLength: 1, maxLength: 40 }),
      drift,
      drift,
      (datagrams, managerDrift, nodeDrift) => {
        const leases = new Leases(leaseTerms);
        const node = new NodeLease(leaseTerms);
        const surroundings = { taskCount: () => 1, isReleased: () => false };
        const arrivals: { readonly at: number; readonly number: number }[] = [];
        let sentAt = 0;
        for (const [index, one] of datagrams.entries()) {
          sentAt += one.gapMs;
          node.sent(index, sentAt * nodeDrift);
          if (one.isLost) continue;
          arrivals.push({ at: sentAt + one.delayMs, number: one.isAnswerLost ? -1 : index });
        }
        arrivals.sort((left, right) => left.at - right.at);
        for (let at = 0; at < sentAt + 60_000; at += 100) {
          leases.heard('witness', { now: at * managerDrift, by: 'datagram' });
          while (arrivals[0] !== undefined && arrivals[0].at <= at) {
            leases.heard('node', { now: at * managerDrift, by: 'datagram' });
            node.answered(arrivals.shift()?.number ?? -1);
          }
          for (const change of leases.tick(at * managerDrift, surroundings)) {
            if (change.nodeId !== 'node' || change.kind !== 'down' || !change.fenced) continue;
            // Two seconds before this, by true time, everything had been told to stop.
            assert.ok((node.fencedFrom ?? 0) / nodeDrift <= at - 1_900);
          }
        }
      },
    ),
    { seed: 2, numRuns: 200 },
  );
});
