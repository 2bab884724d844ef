import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Prng } from '../../src/lib/prng.ts';
import { EtcdEngine } from '../../src/os/etcd-engine.ts';
import { Store } from '../../src/store/store.ts';
import { checkLedger } from '../prove/store-kill-ledger.ts';
import { TestEtcd } from './test-etcd.ts';

const faults = ['kill-writer', 'kill-leader', 'freeze-leader', 'kill-all'] as const;
export type EtcdFault = (typeof faults)[number];

export interface EtcdFaultsResult {
  readonly acknowledged: number;
  readonly revision: number;
  readonly faults: Readonly<Record<EtcdFault, number>>;
}

/** How far a writer has come; a line of it that breaks a promise ends the test. */
class Writer {
  readonly #child: ChildProcess;
  readonly #reading: Promise<void>;
  acknowledged: number;
  count = 0;

  constructor(etcd: TestEtcd, from: { readonly seed: number; readonly acknowledged: number }) {
    const script = fileURLToPath(new URL('./etcd-writer.ts', import.meta.url));
    const sockets = etcd.members.map(({ endpoint }) => {
      assert.ok(endpoint.kind === 'socket');
      return endpoint.path;
    });
    this.acknowledged = from.acknowledged;
    this.#child = spawn(process.execPath, [script, String(from.seed), ...sockets], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    this.#reading = this.#read();
  }

  async whenWrote(updates: number): Promise<void> {
    const until = this.count + updates;
    while (this.count < until) {
      assert.equal(this.#child.exitCode, null, 'the writer ended by itself');
      await sleep(5);
    }
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exited;
    await this.#reading;
  }

  async #read(): Promise<void> {
    const { stdout } = this.#child;
    assert.ok(stdout !== null);
    for await (const line of createInterface(stdout)) {
      const [word, entry] = line.split(' ');
      const number = Number(entry);
      assert.ok(
        number >= this.acknowledged,
        `${line}, and ${this.acknowledged} was acknowledged before`,
      );
      this.acknowledged = number;
      if (word === 'done') this.count += 1;
    }
  }
}

/**
 * Kills and freezes writers and members of etcd at seeded moments, and checks after each that every
 * acknowledged write is there and no batch is torn.
 */
export async function proveEtcdFaults(plan: {
  readonly seed: number;
  readonly rounds: number;
}): Promise<EtcdFaultsResult> {
  const dice = new Prng(plan.seed);
  const done: Record<EtcdFault, number> = {
    'kill-writer': 0,
    'kill-leader': 0,
    'freeze-leader': 0,
    'kill-all': 0,
  };
  const etcd = await TestEtcd.start(3);
  let writer = new Writer(etcd, { seed: dice.uint32(), acknowledged: 0 });
  try {
    for (let round = 0; round < plan.rounds; round += 1) {
      await writer.whenWrote(20 + dice.below(200));
      const fault = faults[round % faults.length] ?? 'kill-writer';
      done[fault] += 1;
      if (fault === 'kill-writer') {
        await writer.kill();
        const { acknowledged } = writer;
        writer = new Writer(etcd, { seed: dice.uint32(), acknowledged });
      } else await breakEtcd(etcd, fault);
    }
    await writer.whenWrote(20);
    await writer.kill();
    const store = await Store.open(new EtcdEngine({ client: etcd.client() }));
    const found = checkLedger(store.view);
    assert.ok(
      found >= writer.acknowledged,
      `${writer.acknowledged} was acknowledged, not ${found}`,
    );
    const { revision } = store;
    await store.close();
    return { acknowledged: writer.acknowledged, revision, faults: done };
  } finally {
    await writer.kill();
    await etcd.stop();
  }
}

async function breakEtcd(etcd: TestEtcd, fault: Exclude<EtcdFault, 'kill-writer'>): Promise<void> {
  if (fault === 'kill-all') {
    for (const member of etcd.members) member.signal('SIGKILL');
    return;
  }
  const leader = await etcd.leader();
  if (fault === 'kill-leader') return leader.signal('SIGKILL');
  leader.signal('SIGSTOP');
  await sleep(1_000);
  leader.signal('SIGCONT');
}
