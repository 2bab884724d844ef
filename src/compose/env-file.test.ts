import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseEnvFile } from './env-file.ts';

function parse(text: string): Record<string, string> {
  const options = { fileName: 'app.env', environment: { HOME: '/root', INHERITED: 'yes' } };
  return Object.fromEntries(parseEnvFile(text, options));
}

test('an env file is read with comments, quotes, escapes, several lines and references', () => {
  const text = [
    '# a comment',
    '',
    'PLAIN=value # trailing',
    'export EXPORTED=1',
    "SINGLE='$HOME # kept'",
    'DOUBLE="a\\nb \\"c\\" \\$HOME"',
    'REFERENCE=${PLAIN}/x',
    'SEVERAL="one',
    'two"',
    'INHERITED',
    'ABSENT',
    'EMPTY=',
  ].join('\n');
  assert.deepEqual(parse(text), {
    PLAIN: 'value',
    EXPORTED: '1',
    SINGLE: '$HOME # kept',
    DOUBLE: 'a\nb "c" $HOME',
    REFERENCE: 'value/x',
    SEVERAL: 'one\ntwo',
    INHERITED: 'yes',
    EMPTY: '',
  });
});

test('a line that is no assignment is named by file and line', () => {
  assert.throws(() => parse('GOOD=1\nnot an assignment'), /app\.env:2: expected NAME=value/);
  assert.throws(() => parse('OPEN="never'), /app\.env:1: the " quote is never closed/);
});
