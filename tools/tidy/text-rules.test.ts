import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeSource } from './source.ts';
import { checkText } from './text-rules.ts';

const rulesOf = (path: string, text: string) =>
  checkText(describeSource(path, text)).map(({ rule, line }) => `${rule}:${line}`);

test('a line of 100 columns passes and one of 101 does not', () => {
  assert.deepEqual(rulesOf('src/lib/a.ts', `// ${'x'.repeat(97)}\n`), []);
  assert.deepEqual(rulesOf('src/lib/a.ts', `\n// ${'x'.repeat(98)}\n`), ['line-length:2']);
});

test('columns are characters, not bytes', () => {
  assert.deepEqual(rulesOf('src/lib/a.ts', `// ${'≤'.repeat(97)}\n`), []);
});

test('prose may have long lines', () => {
  assert.deepEqual(rulesOf('docs/a.md', `${'x'.repeat(200)}\n`), []);
});

test('a file of 500 lines passes and one of 501 does not', () => {
  assert.deepEqual(rulesOf('src/lib/a.ts', '//\n'.repeat(500)), []);
  assert.deepEqual(rulesOf('src/lib/a.ts', '//\n'.repeat(501)), ['file-length:501']);
});

test('notes that something is unfinished are refused in code and in prose', () => {
  for (const word of ['TO', 'FIX'].map((start, index) => start + ['DO', 'ME'][index])) {
    assert.deepEqual(rulesOf('src/lib/a.ts', `// ${word}: later\n`), ['unfinished:1']);
    assert.deepEqual(rulesOf('docs/a.md', `${word}\n`), ['unfinished:1']);
  }
});

test('a file that cannot be read as TypeScript is refused', () => {
  assert.deepEqual(rulesOf('src/lib/a.ts', 'const = 1;\n'), ['syntax:1']);
});
