import assert from 'node:assert/strict';
import { test } from 'node:test';
import { VirtualClock } from '../../sim/clock.ts';
import { leaseTerms } from '../liveness/terms.ts';
import { LeaseKeeper } from './lease-keeper.ts';

/** A keeper whose words are answered, or not, on each of the two ways. */
class Node {
  readonly clock = new VirtualClock(1_000_000);
  readonly startedAt = this.clock.now();
  readonly said: number[] = [];
  readonly sent: number[] = [];
  readonly changes: { readonly at: number; readonly mustStop: boolean }[] = [];
  readonly stop = new AbortController();
  answersSession = true;
  answersDatagrams = false;
  readonly keeper = new LeaseKeeper({
    clock: this.clock,
    say: (number) => {
      this.said.push(this.clock.now() - this.startedAt);
      if (this.answersSession) this.#answer(number, 'session');
    },
    onChange: () =>
      this.changes.push({
        at: this.clock.now() - this.startedAt,
        mustStop: this.keeper.mustStop,
      }),
  });

  #answer(number: number, by: 'datagram' | 'session'): void {
    void this.clock.sleep(1).then(() => this.keeper.answered(number, by));
  }

  withDatagrams(): void {
    this.answersDatagrams = true;
    const send = (number: number): void => {
      this.sent.push(this.clock.now() - this.startedAt);
      if (this.answersDatagrams) this.#answer(number, 'datagram');
    };
    this.keeper.begin(leaseTerms, { send, close: () => undefined });
  }

  async run(): Promise<this> {
    void this.keeper.run(this.stop.signal);
    await this.clock.settle();
    return this;
  }

  async pass(durationMs: number): Promise<void> {
    await this.clock.advance(durationMs);
  }
}

test('by its session a node says once a second that it lives', async () => {
  const node = await new Node().run();
  await node.pass(10_000);
  assert.equal(node.said.length, 11);
  assert.deepEqual(
    node.changes.map(({ mustStop }) => mustStop),
    [false],
  );
});

test('where datagrams are answered the session rests', async () => {
  const node = await new Node().run();
  node.withDatagrams();
  await node.pass(60_000);
  assert.ok(node.said.length <= 16, `${node.said.length} beats`);
  assert.ok(node.sent.length >= 119 && node.sent.length <= 125, `${node.sent.length} datagrams`);
});

test('what is not answered is said again soon, on both ways', async () => {
  const node = await new Node().run();
  node.withDatagrams();
  await node.pass(10_000);
  node.answersDatagrams = false;
  const before = [node.sent.length, node.said.length] as const;
  await node.pass(10_000);
  assert.ok(node.sent.length - before[0] >= 48);
  assert.ok(node.said.length - before[1] >= 9);
  assert.equal(node.keeper.isOver, false);
});

test('a node that is not answered stops what is fenced before its lease is over for others', async () => {
  const node = await new Node().run();
  await node.pass(10_000);
  node.answersSession = false;
  const answeredAt = node.said.at(-1) ?? 0;
  await node.pass(20_000);
  const [, stopped] = node.changes;
  assert.equal(stopped?.mustStop, true);
  const afterMs = (stopped?.at ?? 0) - answeredAt;
  assert.ok(afterMs <= leaseTerms.fencedAfterMs - 2_000, `${afterMs} ms`);
  assert.ok(afterMs >= leaseTerms.fencedAfterMs / 2, `${afterMs} ms`);
  node.answersSession = true;
  await node.pass(2_000);
  assert.equal(node.changes.at(-1)?.mustStop, false);
});

test('an agent that has just started leaves alone what runs, for four seconds, and starts nothing', async () => {
  const node = new Node();
  node.answersSession = false;
  await node.run();
  assert.deepEqual([node.keeper.isOver, node.keeper.mustStop], [true, false]);
  await node.pass(3_900);
  assert.equal(node.keeper.mustStop, false);
  await node.pass(200);
  assert.deepEqual([node.keeper.isOver, node.keeper.mustStop], [true, true]);
  assert.equal(node.changes.at(-1)?.mustStop, true);
});
