import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { VirtualClock } from './clock.ts';

describe('virtual time', () => {
  it('wakes sleepers in order, the earlier sleeper first at the same time', async () => {
    const clock = new VirtualClock(1_000);
    const woken: string[] = [];
    const sleep = async (name: string, delayMs: number): Promise<void> => {
      await clock.sleep(delayMs);
      woken.push(`${name}@${clock.now()}`);
    };
    const all = [sleep('c', 20), sleep('a', 10), sleep('b', 10), sleep('z', 0)];
    assert.equal(clock.nextAt, 1_000);
    await clock.drain({ limitMs: 100 });
    await Promise.all(all);
    assert.deepEqual(woken, ['z@1000', 'a@1010', 'b@1010', 'c@1020']);
  });

  it('runs all that follows from one timer before the next one', async () => {
    const clock = new VirtualClock();
    const seen: string[] = [];
    const chain = async (): Promise<void> => {
      await clock.sleep(10);
      for (let step = 0; step < 50; step += 1) await Promise.resolve();
      seen.push('chain');
      await clock.sleep(5);
      seen.push(`later@${clock.now()}`);
    };
    const other = async (): Promise<void> => {
      await clock.sleep(11);
      seen.push('other');
    };
    const all = [chain(), other()];
    await clock.advance(30);
    await Promise.all(all);
    assert.deepEqual(seen, ['chain', 'other', 'later@15']);
    assert.equal(clock.now(), 30);
  });

  it('does not pass by itself, nor further than asked', async () => {
    const clock = new VirtualClock();
    let woken = false;
    const sleep = async (): Promise<void> => {
      await clock.sleep(10);
      woken = true;
    };
    const sleeping = sleep();
    await clock.advance(9);
    assert.equal(woken, false);
    await clock.advance(1);
    assert.equal(woken, true);
    await sleeping;
  });

  it('rejects a sleeper with the reason of its signal and forgets the timer', async () => {
    const clock = new VirtualClock();
    const controller = new AbortController();
    const reason = new Error('enough');
    const rejected = assert.rejects(clock.sleep(10, controller.signal), reason);
    await clock.settle();
    controller.abort(reason);
    await rejected;
    assert.equal(clock.sleeping, 0);
    await assert.rejects(clock.sleep(10, controller.signal), reason);
  });

  it('says whether a condition came to hold within the limit', async () => {
    const clock = new VirtualClock();
    const sleeping = clock.sleep(50);
    assert.equal(await clock.runUntil(() => clock.now() >= 50, { limitMs: 40 }), false);
    assert.equal(clock.now(), 40);
    assert.equal(await clock.runUntil(() => clock.now() >= 50, { limitMs: 40 }), true);
    assert.equal(clock.now(), 50);
    await sleeping;
    const tooLong = clock.sleep(10);
    await assert.rejects(clock.drain({ limitMs: 5 }), /1 timers were left/);
    await clock.drain({ limitMs: 5 });
    await tooLong;
  });
});
