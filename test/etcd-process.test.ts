import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import type { Logger } from '../src/host/logger.ts';
import type { EtcdMemberPlan } from '../src/os/etcd-flags.ts';
import { EtcdProcess } from '../src/os/etcd-process.ts';
import { SystemClock } from '../src/os/system-clock.ts';
import { TestEtcd } from './etcd/test-etcd.ts';

function listed(lines: string[]): Logger {
  const note = (message: string): void => void lines.push(message);
  return { debug: note, info: note, warn: note, error: note };
}

function planIn(directory: string): EtcdMemberPlan {
  const peerUrl = 'http://127.0.0.1:1';
  const firstMembers = [{ name: 'm1', peerUrl }];
  const listenHost = '127.0.0.1';
  return {
    name: 'm1',
    directory,
    listenHost,
    peerUrl,
    firstMembers,
    clusterId: 't',
    start: 'found',
  };
}

it('a member that lives is adopted by the next supervisor, and stopped by it', async () => {
  const etcd = await TestEtcd.start(1);
  try {
    const [member] = etcd.members;
    assert.ok(member !== undefined);
    const { plan, pid } = member;
    assert.ok(pid !== undefined);
    assert.equal(statSync(plan.directory).mode & 0o777, 0o700);
    const lines: string[] = [];
    const stop = new AbortController();
    const next = new EtcdProcess({ plan, clock: new SystemClock(), logger: listed(lines) });
    const running = next.run(stop.signal);
    while (next.pid === undefined) await new Promise(setImmediate);
    assert.equal(next.pid, pid);
    assert.deepEqual(lines, ['found a living etcd']);
    stop.abort();
    await running;
    assert.ok(!existsSync(`/proc/${pid}`));
  } finally {
    await etcd.stop();
  }
});

it('a program that is not there is named with its package, and tried again', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'tutti-no-etcd-'));
  const stop = new AbortController();
  const lines: string[] = [];
  const logger: Logger = {
    ...listed(lines),
    error: (message, fields) => {
      lines.push(`${message}: ${String(fields?.['hint'])}`);
      if (lines.length > 2) stop.abort();
    },
  };
  const plan = planIn(directory);
  const program = join(directory, 'no-such-etcd');
  await new EtcdProcess({ plan, clock: new SystemClock(), logger, program }).run(stop.signal);
  assert.match(lines[0] ?? '', /^etcd could not be started: .*etcd-server/);
  rmSync(directory, { recursive: true });
});

it('a path that is too long for a socket is refused with the field', async () => {
  const plan = planIn(`/tmp/${'x'.repeat(110)}`);
  const process = new EtcdProcess({ plan, clock: new SystemClock(), logger: listed([]) });
  await assert.rejects(process.run(new AbortController().signal), { field: '--data-dir' });
});
