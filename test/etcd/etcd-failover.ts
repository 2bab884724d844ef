import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { EtcdEngine } from '../../src/os/etcd-engine.ts';
import { Store } from '../../src/store/store.ts';
import { TestEtcd } from './test-etcd.ts';

/**
 * `kill`: the leading manager and its etcd, as when its machine dies. `freeze`: both. `hang`: the
 * manager alone, whose etcd may lead all the same. `starve`: its etcd alone.
 */
export type LeaderFault = 'kill' | 'freeze' | 'hang' | 'starve';

export interface Failover {
  readonly fault: LeaderFault;
  /** From the fault to the first write that another manager acknowledged. */
  readonly silentMs: number;
}

interface Write {
  readonly at: number;
  readonly manager: number;
  readonly epoch: number;
  readonly count: number;
}

const script = fileURLToPath(new URL('./etcd-manager.ts', import.meta.url));

/** Three managers with an etcd each; breaks whoever leads, again and again. */
export async function measureFailovers(
  faults: readonly LeaderFault[],
): Promise<readonly Failover[]> {
  const etcd = await TestEtcd.start(3);
  const managers: ChildProcess[] = [];
  const writes: Write[] = [];
  try {
    await (await Store.open(new EtcdEngine({ client: etcd.client() }))).close();
    const start = (manager: number): void => {
      managers[manager] = startManager(etcd, { manager, writes });
    };
    for (const manager of etcd.members.keys()) start(manager);
    const failovers: Failover[] = [];
    for (const fault of faults) {
      const { manager } = await whenWritten(writes, () => true);
      await sleep(200);
      const at = performance.now();
      const child = managers[manager];
      const member = etcd.members[manager];
      assert.ok(child !== undefined && member !== undefined);
      const signal = fault === 'kill' ? 'SIGKILL' : 'SIGSTOP';
      if (fault !== 'starve') child.kill(signal);
      if (fault !== 'hang') member.signal(signal);
      const next = await whenWritten(writes, (write) => write.manager !== manager);
      failovers.push({ fault, silentMs: Math.round(next.at - at) });
      if (fault === 'kill') start(manager);
      else {
        member.signal('SIGCONT');
        child.kill('SIGCONT');
      }
      await sleep(1_000);
    }
    assertInOrder(writes);
    return failovers;
  } finally {
    await Promise.all(managers.map(end));
    await etcd.stop();
  }
}

function startManager(
  etcd: TestEtcd,
  { manager, writes }: { readonly manager: number; readonly writes: Write[] },
): ChildProcess {
  const endpoint = etcd.members[manager]?.endpoint;
  assert.ok(endpoint?.kind === 'socket');
  const child = spawn(process.execPath, [script, String(manager), endpoint.path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  createInterface(child.stdout).on('line', (line) => {
    const [, epoch, count] = line.split(' ').map(Number);
    writes.push({ at: performance.now(), manager, epoch: epoch ?? 0, count: count ?? 0 });
  });
  return child;
}

async function whenWritten(
  writes: readonly Write[],
  wanted: (write: Write) => boolean,
): Promise<Write> {
  const from = writes.length;
  const until = performance.now() + 20_000;
  for (;;) {
    const found = writes.slice(from).find(wanted);
    if (found !== undefined) return found;
    assert.ok(performance.now() < until, 'nobody writes');
    await sleep(2);
  }
}

/** Each count was acknowledged once, by the one manager that held its epoch. */
function assertInOrder(writes: readonly Write[]): void {
  const counts = writes.toSorted((a, b) => a.count - b.count);
  const holders = new Map<number, number>();
  for (const [index, write] of counts.entries()) {
    const before = counts[index - 1];
    assert.ok(
      before === undefined || write.count > before.count,
      `${write.count} was written twice`,
    );
    assert.ok(before === undefined || write.epoch >= before.epoch, 'epochs never fall');
    assert.equal(holders.get(write.epoch) ?? write.manager, write.manager);
    holders.set(write.epoch, write.manager);
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}
