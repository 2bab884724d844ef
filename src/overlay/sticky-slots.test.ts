import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { stickySlotCount, stickySlots } from './sticky-slots.ts';

const someAddresses = fc.uniqueArray(
  fc.nat(200).map((last) => `10.0.1.${last}`),
  { minLength: 1, maxLength: 12 },
);

test('whoever comes or goes, and in whatever order they are told, others keep their slots', () => {
  fc.assert(
    fc.property(someAddresses, fc.nat(), (addresses, at) => {
      const all = stickySlots(addresses);
      assert.deepEqual(stickySlots(addresses.toReversed()), all);
      const gone = addresses[at % addresses.length];
      const rest = stickySlots(addresses.filter((address) => address !== gone));
      for (const [slot, address] of rest.entries()) {
        assert.ok(all[slot] === address || all[slot] === gone);
      }
    }),
  );
});

test('every slot leads somewhere, and back ends have about as many', () => {
  assert.deepEqual(stickySlots([]), []);
  const addresses = Array.from({ length: 4 }, (_, index) => `10.0.1.${index + 7}`);
  const slots = stickySlots(addresses);
  assert.equal(slots.length, stickySlotCount);
  for (const address of addresses) {
    const count = slots.filter((one) => one === address).length;
    assert.ok(count > 40 && count < 90, `${address}: ${count}`);
  }
});

/** Nodes of different versions have to lead a caller to the same task. */
test('slots do not change from version to version', () => {
  const slots = stickySlots(['10.0.1.7', '10.0.1.8', '10.0.1.9']);
  assert.equal(
    slots
      .slice(0, 16)
      .map((address) => address.at(-1))
      .join(''),
    '7977879879779789',
  );
});
