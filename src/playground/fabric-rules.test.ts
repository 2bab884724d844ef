import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderFabricRules } from './fabric-rules.ts';

test('the rules replace what was there, and drop what the state says', () => {
  const rules = renderFabricRules({
    cuts: [{ from: 'worker-1', to: 'manager-1' }],
    losses: [
      { host: 'worker-2', direction: 'in', ofTenThousand: 1_000 },
      { host: 'worker-2', direction: 'out', ofTenThousand: 50 },
    ],
  });
  assert.equal(
    rules,
    `add table bridge tutti_playground
delete table bridge tutti_playground
table bridge tutti_playground {
  chain links {
    type filter hook forward priority filter; policy accept;
    iifname "worker-1" oifname "manager-1" drop
    oifname "worker-2" numgen random mod 10000 < 1000 drop
    iifname "worker-2" numgen random mod 10000 < 50 drop
  }
}
`,
  );
});

test('a healed fabric has a chain that drops nothing', () => {
  assert.doesNotMatch(renderFabricRules({ cuts: [], losses: [] }), /drop/);
});
