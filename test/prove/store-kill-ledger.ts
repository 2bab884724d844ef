import assert from 'node:assert/strict';
import type { Prng } from '../../src/lib/prng.ts';
import type { Config } from '../../src/model/secret.ts';
import type { Transaction, View } from '../../src/store/view.ts';

const accounts = 20;
const pairs = 30;
const kept = 200;

/**
 * Writes the next entry and everything that must stay true with it: the accounts sum up to nothing,
 * both halves of a pair are alike, and the last 200 entries are there without a gap. Returns the
 * entry. One entry in twenty is large.
 */
export function writeLedger(
  tx: Transaction,
  { dice, largestBytes }: { readonly dice: Prng; readonly largestBytes: number },
): number {
  const entry = read(tx, 'last') + 1;
  const put = (id: string, value: number, paddingBytes = 0): void => {
    const data = `${value}${' '.repeat(paddingBytes)}`;
    const spec = { name: id, labels: {} };
    tx.configs.put({ id, version: tx.revision, createdAt: 0, updatedAt: 0, spec, data });
  };
  put('last', entry);
  const amount = dice.below(1_000);
  const from = `account${dice.below(accounts)}`;
  const to = `account${dice.below(accounts)}`;
  put(from, read(tx, from) - amount);
  put(to, read(tx, to) + amount);
  const pair = dice.below(pairs);
  put(`left${pair}`, entry);
  put(`entry${entry}`, entry, dice.below(dice.chance(0.05) ? largestBytes : 500));
  tx.configs.delete(`entry${entry - kept}`);
  put(`right${pair}`, entry);
  return entry;
}

/** Throws unless all of it is true of the view; returns the last entry. */
export function checkLedger(view: View): number {
  const last = read(view, 'last');
  let sum = 0;
  for (let account = 0; account < accounts; account += 1) sum += read(view, `account${account}`);
  assert.equal(sum, 0, 'the accounts sum up to nothing');
  for (let pair = 0; pair < pairs; pair += 1) {
    assert.equal(read(view, `left${pair}`), read(view, `right${pair}`), `pair ${pair} is whole`);
  }
  const entries = Array.from(view.configs.all(), (row: Config) => row.id)
    .filter((id) => id.startsWith('entry'))
    .toSorted();
  const expected = Array.from({ length: Math.min(last, kept) }, (_, n) => `entry${last - n}`);
  assert.deepEqual(entries, expected.toSorted(), 'the last entries are there without a gap');
  for (const id of entries) assert.equal(`entry${read(view, id)}`, id);
  return last;
}

function read(from: Pick<View, 'configs'> | Pick<Transaction, 'configs'>, id: string): number {
  return Number(from.configs.get(id)?.data ?? 0);
}
