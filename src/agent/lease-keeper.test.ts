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
  readonly words: string[] = [];
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
    onChange: () => {
      const { mustStop } = this.keeper;
      if (mustStop === this.changes.at(-1)?.mustStop) return;
      this.changes.push({ at: this.clock.now() - this.startedAt, mustStop });
    },
  });

  #answer(number: number, by: 'datagram' | 'session'): void {
    void this.clock.sleep(1).then(() => this.keeper.answered(number, by));
  }

  /** A session is opened, and its whole view comes, where managers answer. */
  async openSession(): Promise<void> {
    this.keeper.asking();
    await this.clock.advance(1);
    if (this.answersSession) this.keeper.told();
  }

  withDatagrams(): void {
    this.answersDatagrams = true;
    const send = (number: number, word: string): void => {
      this.words.push(word);
      this.sent.push(this.clock.now() - this.startedAt);
      if (this.answersDatagrams) this.#answer(number, 'datagram');
    };
    this.keeper.begin(leaseTerms, { send, close: () => undefined });
  }

  async run(): Promise<this> {
    void this.keeper.run(this.stop.signal);
    await this.clock.settle();
    if (this.answersSession) await this.openSession();
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

test('a node that nobody answers says after two seconds that it hears nothing, until it does', async () => {
  const node = await new Node().run();
  node.withDatagrams();
  await node.pass(10_000);
  assert.ok(node.words.every((word) => word === 'alive'));
  Object.assign(node, { answersSession: false, answersDatagrams: false });
  await node.pass(1_500);
  assert.equal(node.words.at(-1), 'alive');
  await node.pass(1_000);
  assert.equal(node.words.at(-1), 'deaf');
  node.answersDatagrams = true;
  await node.pass(500);
  assert.equal(node.words.at(-1), 'alive');
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
  await node.openSession();
  assert.equal(node.changes.at(-1)?.mustStop, false);
});

test('an answer alone does not lift a fence: what was assigned may have been given away', async () => {
  const node = await new Node().run();
  node.withDatagrams();
  await node.pass(5_000);
  Object.assign(node, { answersSession: false, answersDatagrams: false });
  await node.pass(20_000);
  assert.deepEqual([node.keeper.isOver, node.keeper.isDoubtful], [true, true]);
  Object.assign(node, { answersSession: true, answersDatagrams: true });
  await node.pass(5_000);
  assert.equal(node.keeper.isOver, true, 'it is answered again');
  node.keeper.told();
  assert.equal(node.keeper.isOver, true, 'a view of the session from before');
  await node.openSession();
  assert.deepEqual([node.keeper.isOver, node.keeper.isDoubtful], [false, false]);
});

test('a view that comes when the lease has ended again is not believed', async () => {
  const node = new Node();
  node.answersSession = false;
  await node.run();
  node.keeper.asking();
  await node.pass(8_000);
  node.keeper.told();
  assert.deepEqual([node.keeper.isOver, node.keeper.isDoubtful], [true, true]);
  node.keeper.asking();
  await node.pass(7_000);
  node.keeper.told();
  assert.equal(node.keeper.isOver, false);
});

test('a session that is opened while the lease is good changes nothing', async () => {
  const node = await new Node().run();
  await node.pass(5_000);
  node.keeper.asking();
  await node.pass(5_000);
  assert.deepEqual([node.keeper.isOver, node.keeper.isDoubtful], [false, false]);
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
