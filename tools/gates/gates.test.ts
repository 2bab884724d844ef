import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gates, runGate } from './gates.ts';
import { plantedFaults, plantRepository } from './planted.ts';

/** By gate, fault and what the gate's output must name. */
const faults = {
  format: { 'double-quotes': 'planted.ts' },
  types: { enum: 'TS1294', 'optional-undefined': 'TS2375' },
  lint: {
    any: 'typescript(no-explicit-any)',
    'async-in-callback': 'typescript(no-misused-promises)',
    barrel: 'oxc(no-barrel-file)',
    cycle: 'import(no-cycle)',
    'floating-promise': 'typescript(no-floating-promises)',
    'missed-case': 'typescript(switch-exhaustiveness-check)',
    'unused-suppression': 'Unused oxlint-disable directive',
  },
  unused: { 'unused-export': 'triple' },
  production: { 'used-by-tests-alone': 'src/lib/half.ts' },
} as const satisfies Record<keyof typeof gates, Readonly<Record<string, string>>>;

for (const gate of Object.values(gates)) {
  test(`${gate.name}: a clean repository passes`, async () => {
    using clean = plantRepository();
    const { passed, output } = await runGate(gate, clean);
    assert.ok(passed, output);
  });

  for (const [fault, named] of Object.entries(faults[gate.name])) {
    test(`${gate.name}: ${fault} is refused, and named ${named}`, async () => {
      using planted = plantRepository(`${gate.name}/${fault}`);
      const { passed, output } = await runGate(gate, planted);
      assert.ok(!passed, 'the gate let it pass');
      assert.ok(output.includes(named), output);
    });
  }
}

test('every planted fault has its row', () => {
  for (const [gate, rows] of Object.entries(faults)) {
    assert.deepEqual(Object.keys(rows).toSorted(), plantedFaults(gate), gate);
  }
});

test('what only tests use passes the gate that counts tests as users', async () => {
  using planted = plantRepository('production/used-by-tests-alone');
  const { passed, output } = await runGate(gates.unused, planted);
  assert.ok(passed, output);
});
