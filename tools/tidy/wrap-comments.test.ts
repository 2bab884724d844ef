import assert from 'node:assert/strict';
import { test } from 'node:test';
import { wrapComments } from './wrap-comments.ts';

const words = (count: number) => Array.from({ length: count }, () => 'word').join(' ');

test('what fits stays as it is', () => {
  const text = `/** ${words(10)} */\nconst one = 1; // ${words(30)}\n`;
  assert.equal(wrapComments(text), text);
});

test('a long comment of one line becomes a block', () => {
  const text = `  /** ${words(25)} */`;
  assert.equal(wrapComments(text), `  /**\n   * ${words(19)}\n   * ${words(6)}\n   */`);
});

test('a long line flows into the next of its paragraph', () => {
  const text = ` * ${words(21)}\n * last\n *\n * other`;
  assert.equal(wrapComments(text), ` * ${words(19)}\n * ${words(2)} last\n *\n * other`);
});

test('a long line does not flow into a list, a tag or another mark', () => {
  for (const next of [' * - item', ' * @returns it', ' */', ' * | a | b |', 'const one = 1;']) {
    assert.equal(
      wrapComments(` * ${words(21)}\n${next}`),
      ` * ${words(19)}\n * word word\n${next}`,
    );
  }
});

test('an item of a list hangs', () => {
  assert.equal(wrapComments(`// - ${words(20)}`), `// - ${words(19)}\n//   word`);
});

test('code in a line is not broken', () => {
  const text = `// ${words(18)} \`three words here\``;
  assert.equal(wrapComments(text), `// ${words(18)}\n// \`three words here\``);
});

test('a word that is too long stays whole', () => {
  const text = `// ${'x'.repeat(120)}`;
  assert.equal(wrapComments(text), text);
});
