import assert from 'node:assert/strict';
import { describe, it, mock } from 'node:test';
import { SystemClock } from './system-clock.ts';

describe('the system clock', () => {
  it('wakes a sleeper after its time, even after months', async () => {
    mock.timers.enable({ apis: ['setTimeout', 'Date'], now: 1_000 });
    try {
      const clock = new SystemClock();
      assert.equal(clock.now(), 1_000);
      const hourMs = 3_600_000;
      let wokenAfterHours = 0;
      let hours = 0;
      const sleep = async (): Promise<void> => {
        await clock.sleep(2_400 * hourMs);
        wokenAfterHours = hours;
      };
      const sleeping = sleep();
      for (hours = 1; hours < 2_500; hours += 1) {
        mock.timers.tick(hourMs);
        for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
      }
      // Each of its timers began at the end of the hour in which the one before had fired.
      assert.ok(wokenAfterHours >= 2_400 && wokenAfterHours < 2_410, `${wokenAfterHours} hours`);
      await sleeping;
    } finally {
      mock.timers.reset();
    }
  });

  it('rejects with the reason of the signal, at once', async () => {
    const clock = new SystemClock();
    const controller = new AbortController();
    const reason = new Error('enough');
    const rejected = assert.rejects(clock.sleep(1e12, controller.signal), reason);
    controller.abort(reason);
    await rejected;
    await assert.rejects(clock.sleep(0, controller.signal), reason);
  });

  it('gives a turn to what waits for the event loop, and not only to promises', async () => {
    const clock = new SystemClock();
    let heard = false;
    setImmediate(() => {
      heard = true;
    });
    await clock.turn();
    assert.ok(heard);
  });
});
