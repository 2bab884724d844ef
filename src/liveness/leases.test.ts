import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { Leases, type LeaseSurroundings, type Transition } from './leases.ts';
import { leaseTerms } from './terms.ts';

const calm: LeaseSurroundings = { taskCount: () => 1, isReleased: () => false };

/** Leases, a clock, and all that they ever said. */
class Watch {
  readonly leases = new Leases(leaseTerms);
  readonly said: (Transition & { readonly at: number })[] = [];
  now = 1_000;
  surroundings = calm;

  hear(...nodeIds: readonly string[]): void {
    for (const nodeId of nodeIds) {
      const change = this.leases.heard(nodeId, { now: this.now, by: 'datagram' });
      if (change !== undefined) this.said.push({ ...change, at: this.now });
    }
  }

  /** Time passes in which these nodes are heard as they should be, and the owner listens. */
  pass(durationMs: number, ...nodeIds: readonly string[]): void {
    const until = this.now + durationMs;
    while (this.now < until) {
      this.now += 100;
      if (this.now % 500 === 0) this.hear(...nodeIds);
      this.tick();
    }
  }

  tick(): void {
    for (const change of this.leases.tick(this.now, this.surroundings)) {
      this.said.push({ ...change, at: this.now });
    }
  }

  /** The last that was said of the node, with the hold where there is one. */
  standing(nodeId: string): string | undefined {
    const last = this.said.findLast((change) => change.nodeId === nodeId);
    if (last?.kind === 'silent' && last.hold !== undefined) return `held: ${last.hold.kind}`;
    return last?.kind;
  }

  isFenced(nodeId: string): boolean {
    const last = this.said.findLast((change) => change.nodeId === nodeId);
    return last?.kind === 'down' && last.fenced;
  }
}

const five = ['a', 'b', 'c', 'd', 'e'] as const;

function watchOf(...nodeIds: readonly string[]): Watch {
  const watch = new Watch();
  watch.hear(...nodeIds);
  watch.pass(20_000, ...nodeIds);
  watch.said.length = 0;
  return watch;
}

test('a node that falls silent is missed first and given up a second later', () => {
  const watch = watchOf(...five);
  const heardAt = watch.now;
  watch.pass(10_000, 'a', 'b', 'c', 'd');
  const [silent, down] = watch.said;
  assert.equal(silent?.kind, 'silent');
  assert.equal(down?.kind, 'down');
  assert.ok((silent?.at ?? 0) - heardAt <= 1_700);
  assert.equal((down?.at ?? 0) - (silent?.at ?? 0), leaseTerms.doubtMs);
});

test('a node that is heard within the doubt was never down', () => {
  const watch = watchOf(...five);
  watch.pass(2_000, 'a', 'b', 'c', 'd');
  watch.hear('e');
  watch.pass(1_000, ...five);
  assert.deepEqual(
    watch.said.map(({ kind }) => kind),
    ['silent', 'alive'],
  );
});

test('nobody is missed while the owner of the leases did not listen', () => {
  const watch = watchOf(...five);
  for (let stall = 0; stall < 5; stall += 1) {
    watch.now += 60_000;
    watch.tick();
    // What waited in the socket is read after the timer.
    watch.hear(...five);
  }
  assert.deepEqual(watch.said, []);
});

test('a clock that is set forward or back makes nobody silent', () => {
  const watch = watchOf(...five);
  watch.now += 3_600_000;
  watch.tick();
  watch.pass(1_000, ...five);
  watch.now -= 7_200_000;
  watch.tick();
  watch.pass(1_000, ...five);
  assert.deepEqual(watch.said, []);
});

test('where half of the nodes vanish within the window none is given up, until enough are back', () => {
  const watch = watchOf('a', 'b', 'c', 'd');
  watch.pass(30_000, 'a', 'b');
  assert.equal(watch.standing('c'), 'held: mass');
  assert.equal(watch.standing('d'), 'held: mass');
  watch.hear('c');
  watch.pass(900, 'a', 'b', 'c');
  assert.notEqual(watch.standing('d'), 'down');
  watch.pass(1_000, 'a', 'b', 'c');
  assert.equal(watch.standing('d'), 'down');
});

test('half of the nodes are no less half where some of them were unsteady, and are missed later', () => {
  const watch = watchOf('a', 'b', 'c');
  // Heard as often as its link lets through.
  for (let beat = 0; beat < 40; beat += 1) {
    watch.pass(beat % 2 === 0 ? 1_500 : 500, 'a', 'b');
    watch.hear('c');
  }
  watch.said.length = 0;
  watch.pass(12_000, 'a');
  assert.deepEqual([watch.standing('b'), watch.standing('c')], ['held: mass', 'held: mass']);
  assert.ok(watch.said.every(({ kind }) => kind !== 'down'));
});

test('nodes that vanish one soon after the other count together', () => {
  const watch = watchOf(...five);
  watch.pass(4_000, 'a', 'b', 'c', 'd');
  assert.equal(watch.standing('e'), 'down');
  watch.pass(4_000, 'a', 'b', 'c');
  assert.equal(watch.standing('d'), 'down');
  watch.pass(4_000, 'a', 'b');
  assert.equal(watch.standing('c'), 'held: mass');
});

test('nodes that vanish long after each other are given up one by one, but not the last', () => {
  const watch = watchOf('a', 'b', 'c');
  watch.pass(30_000, 'a', 'b');
  assert.equal(watch.standing('c'), 'down');
  watch.pass(30_000, 'a');
  assert.equal(watch.standing('b'), 'down');
  watch.pass(30_000);
  assert.equal(watch.standing('a'), 'held: nobody-left');
});

test('a node that a person has drained is given up whoever else is silent', () => {
  const watch = watchOf('a', 'b', 'c', 'd');
  watch.pass(10_000, 'a', 'b');
  watch.surroundings = { ...calm, isReleased: (nodeId) => nodeId === 'c' };
  watch.pass(1_100, 'a', 'b');
  assert.equal(watch.standing('c'), 'down');
});

test('the second of two large nodes waits until the first had its time', () => {
  const watch = watchOf('a', 'b', 'c', 'd', 'e', 'f');
  watch.surroundings = { ...calm, taskCount: () => 1_000 };
  const from = watch.now;
  watch.pass(30_000, 'a', 'b', 'c', 'd');
  const downs = ['e', 'f'].map((nodeId) =>
    watch.said.find((change) => change.kind === 'down' && change.nodeId === nodeId),
  );
  assert.ok((downs[0]?.at ?? 0) - from <= 3_000);
  assert.ok((downs[1]?.at ?? 0) - (downs[0]?.at ?? 0) >= 9_000);
  assert.ok(watch.said.some((said) => said.kind === 'silent' && said.hold?.kind === 'rate'));
});

test('a node that did not come after a start is missed when its time is over', () => {
  const watch = new Watch();
  watch.tick();
  for (const nodeId of five) watch.leases.expect(nodeId, { now: watch.now, patienceMs: 30_000 });
  watch.hear('a', 'b', 'c', 'd');
  watch.pass(29_500, 'a', 'b', 'c', 'd');
  assert.equal(watch.standing('e'), undefined);
  watch.pass(2_000, 'a', 'b', 'c', 'd');
  assert.equal(watch.standing('e'), 'down');
  assert.equal(watch.isFenced('e'), true);
});

test('a farewell gives more time, once', () => {
  const watch = watchOf(...five);
  watch.leases.farewell('e', { now: watch.now, patienceMs: 10_000 });
  watch.pass(9_900, 'a', 'b', 'c', 'd');
  assert.equal(watch.standing('e'), undefined);
  watch.pass(1_500, 'a', 'b', 'c', 'd');
  assert.equal(watch.standing('e'), 'down');
  watch.hear('e');
  watch.pass(3_000, 'a', 'b', 'c', 'd');
  assert.equal(watch.standing('e'), 'down');
});

test('a node whose machine goes down is given up after the doubt, unless it is heard', () => {
  const watch = watchOf(...five);
  watch.leases.goes('e');
  watch.pass(900, 'a', 'b', 'c', 'd');
  assert.equal(watch.standing('e'), 'silent');
  watch.pass(400, 'a', 'b', 'c', 'd');
  assert.equal(watch.standing('e'), 'down');
  assert.equal(watch.isFenced('e'), false);
  watch.hear('e');
  watch.pass(1_000, 'a', 'b', 'c', 'd');
  assert.notEqual(watch.standing('e'), 'down');
});

test('a node of which only session messages come has more time', () => {
  const watch = watchOf('a', 'b', 'c');
  watch.leases.heard('s', { now: watch.now, by: 'session' });
  watch.pass(5_900, 'a', 'b', 'c');
  assert.equal(watch.standing('s'), undefined);
});

test('a node whose datagrams cease to come through lives on by its session', () => {
  const watch = watchOf('a', 'b', 'c');
  for (let second = 0; second < 120; second += 1) {
    watch.leases.heard('c', { now: watch.now, by: 'session' });
    watch.pass(1_000, 'a', 'b');
  }
  assert.deepEqual(watch.said, []);
});

test('fenced tasks are given away ten seconds after the node was heard, and not before', () => {
  const watch = watchOf(...five);
  const heardAt = watch.now;
  watch.pass(9_900, 'a', 'b', 'c', 'd');
  assert.equal(watch.standing('e'), 'down');
  assert.equal(watch.isFenced('e'), false);
  watch.pass(200, 'a', 'b', 'c', 'd');
  assert.equal(watch.isFenced('e'), true);
  assert.ok(watch.now - heardAt >= leaseTerms.fencedAfterMs);
});

const happening = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.nat(400) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.nat(90_000) }) },
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('hear' as const), node: fc.constantFrom(...five) }),
  },
);

test('whatever arrives and whenever: nobody is given up early, nor all, nor twice without return', () => {
  fc.assert(
    fc.property(fc.array(happening, { maxLength: 300 }), (script) => {
      const watch = new Watch();
      watch.hear(...five);
      const heardAt = new Map<string, number>(five.map((nodeId) => [nodeId, watch.now]));
      const down = new Set<string>();
      for (const what of script) {
        const before = watch.said.length;
        if (what.kind === 'hear') {
          watch.hear(what.node);
          heardAt.set(what.node, watch.now);
        } else {
          watch.now += what.ms;
          watch.tick();
        }
        for (const change of watch.said.slice(before)) {
          const sinceMs = watch.now - (heardAt.get(change.nodeId) ?? 0);
          if (change.kind === 'alive') down.delete(change.nodeId);
          if (change.kind !== 'down') continue;
          assert.ok(sinceMs >= leaseTerms.silentAfterMs + leaseTerms.doubtMs);
          if (change.fenced) assert.ok(sinceMs >= leaseTerms.fencedAfterMs);
          else assert.ok(!down.has(change.nodeId));
          down.add(change.nodeId);
        }
        assert.ok(down.size < five.length);
      }
    }),
    { seed: 1, numRuns: 300 },
  );
});

test('a node that says that it hears nothing is given up, whatever its session still brings', () => {
  const watch = watchOf(...five);
  const until = watch.now + 2_000;
  while (watch.now < until) {
    watch.leases.deaf('a', watch.now);
    watch.leases.heard('a', { now: watch.now, by: 'session' });
    watch.pass(100, 'b', 'c', 'd', 'e');
  }
  assert.equal(watch.standing('a'), 'down');
  assert.equal(watch.said.at(-1)?.kind === 'down' && watch.said.at(-1)?.nodeId, 'a');
  watch.pass(20_000, 'b', 'c', 'd', 'e');
  assert.equal(watch.isFenced('a'), true);
  watch.hear('a');
  assert.equal(watch.standing('a'), 'alive');
});

test('what a deaf node said while nobody listened is held against nobody', () => {
  const watch = watchOf(...five);
  for (let stall = 0; stall < 5; stall += 1) {
    watch.now += 5_000;
    watch.tick();
    // What waits in the socket is read in a row, and answered.
    for (const nodeId of five) watch.hear(nodeId);
    for (const nodeId of five) watch.leases.deaf(nodeId, watch.now);
    watch.now += 10;
    watch.tick();
  }
  assert.deepEqual(watch.said, []);
});

test('a node that was silent and comes back deaf has the time of one that begins to be', () => {
  const watch = watchOf(...five);
  watch.pass(2_400, 'b', 'c', 'd', 'e');
  assert.equal(watch.standing('a'), 'silent');
  watch.leases.deaf('a', watch.now);
  watch.pass(1_200, 'b', 'c', 'd', 'e');
  assert.equal(watch.standing('a'), 'silent');
  watch.pass(600, 'b', 'c', 'd', 'e');
  assert.equal(watch.standing('a'), 'down');
});
