import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { FenceHold } from '../host/fence-guard.ts';
import type { Logger } from '../host/logger.ts';
import { BootClock } from './boot-clock.ts';
import { FenceGuardProcess } from './fence-guard-process.ts';
import { serveFenceGuard } from './fence-guard-server.ts';

const quiet: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

async function inDirectory(run: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'tutti-guard-'));
  try {
    await run(directory);
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** A daemon's side, whose guard does not start unless one is there. */
function daemonIn(directory: string): FenceGuardProcess {
  return new FenceGuardProcess({
    socketPath: join(directory, 'guard.sock'),
    logPath: join(directory, 'guard.log'),
    command: [process.execPath, '--eval', 'process.exit(1)'],
    logger: quiet,
  });
}

test('a guard that a daemon left is taken over by the next one, and is the only one', async () => {
  await inDirectory(async (directory) => {
    const holds: FenceHold[] = [];
    const counts: number[] = [];
    const empty = Promise.withResolvers<void>();
    const on = {
      hold: (hold: FenceHold) => void holds.push(hold),
      connected: (count: number) => {
        counts.push(count);
        if (count === 0) empty.resolve();
      },
    };
    const server = await serveFenceGuard(join(directory, 'guard.sock'), on);
    assert.equal(await serveFenceGuard(join(directory, 'guard.sock'), on), undefined);
    const first = daemonIn(directory);
    assert.equal(await first.hold({ taskIds: ['a'], until: 5 }), true);
    first.close();
    await empty.promise;
    const next = daemonIn(directory);
    assert.equal(await next.hold({ taskIds: ['a', 'b'], until: 7 }), true);
    assert.deepEqual(
      holds.map(({ taskIds, until }) => ({ taskIds, until })),
      [
        { taskIds: ['a'], until: 5 },
        { taskIds: ['a', 'b'], until: 7 },
      ],
    );
    await server?.close();
    next.close();
  });
});

test('a guard that cannot be started holds nothing; one that would hold nothing is not started', async () => {
  await inDirectory(async (directory) => {
    const daemon = daemonIn(directory);
    assert.equal(await daemon.hold({ taskIds: ['a'], until: 5 }), false);
    assert.equal(await daemon.hold({ taskIds: [], until: 5 }), true);
  });
});

test('all processes of the machine read one clock, which nobody sets', () => {
  const [left, right] = [new BootClock(), new BootClock()];
  const [first, second] = [left.now(), right.now()];
  assert.ok(second >= first && second - first < 1_000);
});
