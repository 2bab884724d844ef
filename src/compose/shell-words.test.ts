import assert from 'node:assert/strict';
import { test } from 'node:test';
import { shellWords } from './shell-words.ts';

test('a command line splits as in a shell, with nothing expanded', () => {
  const table: readonly (readonly [string, readonly string[]])[] = [
    ['', []],
    ['redis-server --save 60 1', ['redis-server', '--save', '60', '1']],
    [`sh -c 'echo "hi there"'`, ['sh', '-c', 'echo "hi there"']],
    ['a "b c" d\\ e', ['a', 'b c', 'd e']],
    [`"it's" '' ""`, ["it's", '', '']],
    ['echo "a\\"b\\x"', ['echo', 'a"b\\x']],
    ['  spaced\tout\n', ['spaced', 'out']],
    ['$HOME;ls', ['$HOME;ls']],
  ];
  for (const [line, words] of table) assert.deepEqual(shellWords(line), words, line);
});

test('a quote that is never closed is an error', () => {
  assert.throws(() => shellWords('echo "open'), /the " quote .* is never closed/);
});
