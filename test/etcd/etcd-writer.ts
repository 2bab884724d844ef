import { argv, stdout } from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { Prng } from '../../src/lib/prng.ts';
import { EtcdClient } from '../../src/os/etcd-client.ts';
import { EtcdEngine } from '../../src/os/etcd-engine.ts';
import { Store } from '../../src/store/store.ts';
import { checkLedger, writeLedger } from '../prove/store-kill-ledger.ts';

/**
 * Writes to a store in etcd until it is killed: `etcd-writer.ts <seed> <socket>…`. Says on standard
 * output `loaded <entry>` after it has checked what it found, and `done <entry>` for each
 * acknowledged update. Loads again whenever it cannot tell what is durable.
 */
async function main(seed: number, sockets: readonly string[]): Promise<never> {
  const [first, ...others] = sockets.map((path) => ({ kind: 'socket', path }) as const);
  if (first === undefined) throw new Error('no socket is named');
  const client = new EtcdClient({ endpoints: [first, ...others] });
  // Small limits: one batch in some is larger than a transaction.
  const limits = { operations: 100, sizeBytes: 60_000 };
  const store = await Store.open(new EtcdEngine({ client, limits }));
  stdout.write(`loaded ${checkLedger(store.view)}\n`);
  const dice = new Prng(seed);
  for (;;) {
    const updates = Array.from({ length: 1 + dice.below(20) }, async () => {
      const entry = await store.update((tx) => writeLedger(tx, { dice, largestBytes: 50_000 }));
      stdout.write(`done ${entry}\n`);
    });
    const results = await Promise.allSettled(updates);
    if (results.every(({ status }) => status === 'fulfilled')) continue;
    await sleep(20);
    if (store.fencedBy === undefined) continue;
    await store.reload().catch(() => undefined);
    if (store.fencedBy === undefined) stdout.write(`loaded ${checkLedger(store.view)}\n`);
  }
}

await main(Number(argv[2]), argv.slice(3));
