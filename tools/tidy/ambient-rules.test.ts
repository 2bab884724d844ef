import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkAmbient } from './ambient-rules.ts';
import { describeSource } from './source.ts';

const rulesOf = (text: string, path = 'src/store/a.ts') =>
  checkAmbient(describeSource(path, text)).map(({ rule }) => rule);

/** What reaches the world, in the forms that were once overlooked. */
const refused: readonly (readonly [text: string, rule: string])[] = [
  ['Date.now();', 'clock'],
  ["Date['now']();", 'clock'],
  ['Date[`now`]();', 'clock'],
  ['Date();', 'clock'],
  ['new Date(...[]);', 'clock'],
  ['const { now } = Date;', 'clock'],
  ['Date.now = () => 0;', 'clock'],
  ['Temporal.Now.instant();', 'clock'],
  ['setTimeout(() => {}, 1);', 'clock'],
  ['const wait = { setTimeout };', 'clock'],
  ['Math.random();', 'dice'],
  ["Math['random']();", 'dice'],
  ['const sums = Math;', 'dice'],
  ['crypto.randomUUID();', 'dice'],
  ['process.exit(1);', 'process'],
  ['console.log(1);', 'console'],
  ["await fetch('http://localhost');", 'network'],
  ['global.setTimeout(() => {}, 1);', 'global-object'],
  ['{ const process = 1; } process.exit();', 'process'],
  ['function one(process: Process) {} process.exit();', 'process'],
  ["eval('Date.now()');", 'evaluate'],
  ["new Function('return Date.now()');", 'evaluate'],
];

/** What only has the name, or only converts. */
const allowed: readonly string[] = [
  'const view = { process: 1, fetch: 2 };',
  'view.process = view.crypto;',
  'interface Clock { setTimeout(delayMs: number): void; process: Date }',
  'type When = Date | typeof performance;',
  'export const convert = (instant: number) => new Date(instant).toISOString();',
  "Date.parse('2026-01-01');",
  'Math.max(1, Math.floor(2.5));',
  'const isDate = value instanceof Date;',
  'AbortSignal.any([]);',
  'export const plan = (process: Process) => process.id;',
  'function each({ global: [fetch = 1, ...crypto] }: Each) { return fetch + crypto.length; }',
  'for (const global of services) remove(global);',
  'try { run(); } catch (process) { throw process; }',
  'class Engine { process() { return this.process; } }',
];

for (const [text, rule] of refused) {
  test(`pure code is refused ${text}`, () => assert.deepEqual(rulesOf(text), [rule]));
}

for (const text of allowed) {
  test(`pure code is allowed ${text}`, () => assert.deepEqual(rulesOf(text), []));
}

test('the real host may read the clock', () => {
  assert.deepEqual(rulesOf('Date.now(); Math.random();', 'src/os/a.ts'), []);
  assert.deepEqual(rulesOf('Date.now(); Math.random();', 'src/main.ts'), []);
});
