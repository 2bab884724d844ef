import { argv, stdout } from 'node:process';
import { Prng } from '../../src/lib/prng.ts';
import { SqliteEngine } from '../../src/os/sqlite-engine.ts';
import { Store } from '../../src/store/store.ts';
import { checkLedger, writeLedger } from './store-kill-ledger.ts';

/**
 * Writes to a store until it is killed: `store-kill-writer.ts <file> <seed>`. Says on standard
 * output `loaded <entries> <revision>` after it has checked what it found, then `done <entry>` for
 * each acknowledged update.
 */
async function main(path: string, seed: number): Promise<never> {
  const store = await Store.open(SqliteEngine.open(path));
  stdout.write(`loaded ${checkLedger(store.view)} ${store.revision}\n`);
  const dice = new Prng(seed);
  for (;;) {
    const together = 1 + dice.below(20);
    const updates = Array.from({ length: together }, async () => {
      const entry = await store.update((tx) => writeLedger(tx, { dice, largestBytes: 100_000 }));
      stdout.write(`done ${entry}\n`);
    });
    await Promise.all(updates);
  }
}

await main(String(argv[2]), Number(argv[3]));
