import assert from 'node:assert/strict';
import { test } from 'node:test';
import { plantedFaults, plantRepository } from './gates/planted.ts';
import { repositoryRoot } from './root.ts';
import { formatFinding, type Finding } from './tidy/finding.ts';
import { findBreaches } from './tidy/tidy.ts';

/** By fault, the one rule that must refuse it. */
const ruleOfFault: Readonly<Record<string, string>> = {
  'bare-node-module': 'bare-node',
  'computed-import': 'dynamic-import',
  'date-under-another-name': 'clock',
  dice: 'dice',
  'global-date': 'global-object',
  'global-timeout': 'global-object',
  'javascript-in-src': 'file-kind',
  'layer-break': 'layer',
  'layer-break-by-export': 'layer',
  'layer-break-by-type': 'layer',
  'layer-break-out-of-src': 'layer',
  'long-way-round': 'import-form',
  'module-let': 'module-state',
  'module-map': 'module-state',
  'new-date': 'clock',
  'node-in-pure-code': 'node-module',
  'package-without-entry': 'package',
  'performance-now': 'clock',
  'process-in-shell-code': 'process',
  'real-clock-in-simulation': 'clock',
  require: 'require',
  'shell-by-hand': 'shell',
  'shell-exec': 'shell',
  'shell-exec-by-namespace': 'shell',
  'shell-option': 'shell',
  'test-of-nothing': 'test-subject',
  'third-level': 'module-path',
  'timeout-signal': 'clock',
  'unnamed-module': 'unknown-module',
  untested: 'test-beside',
  'vague-name': 'file-name',
  'value-import-of-type-entry': 'node-module',
};

const lines = (findings: readonly Finding[]) => findings.map(formatFinding).join('\n');

test('the repository keeps its own rules', () => {
  const findings = findBreaches(repositoryRoot);
  assert.equal(findings.length, 0, `\n${lines(findings)}`);
});

test('a clean repository has no breach', () => {
  using clean = plantRepository();
  assert.deepEqual(findBreaches(clean.directory), []);
});

for (const [fault, rule] of Object.entries(ruleOfFault)) {
  test(`${fault} is refused by the rule ${rule}`, () => {
    using planted = plantRepository(`tidy/${fault}`);
    const findings = findBreaches(planted.directory);
    const rules = new Set(findings.map((finding) => finding.rule));
    assert.deepEqual([...rules], [rule], lines(findings));
  });
}

test('every planted fault has its row', () => {
  assert.deepEqual(Object.keys(ruleOfFault).toSorted(), plantedFaults('tidy'));
});
