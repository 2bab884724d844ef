import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TuttiError } from '../lib/error.ts';
import { interpolate } from './interpolate.ts';

const environment = { NAME: 'value', EMPTY: '', OTHER: 'other' };

test('every form of the specification gives its value', () => {
  const table: readonly (readonly [string, string])[] = [
    ['plain', 'plain'],
    ['$NAME', 'value'],
    ['a-${NAME}-b', 'a-value-b'],
    ['$$NAME', '$NAME'],
    ['${MISSING:-fallback}', 'fallback'],
    ['${EMPTY:-fallback}', 'fallback'],
    ['${EMPTY-fallback}', ''],
    ['${MISSING-fallback}', 'fallback'],
    ['${NAME:+present}', 'present'],
    ['${EMPTY:+present}', ''],
    ['${EMPTY+present}', 'present'],
    ['${MISSING:-${OTHER}}', 'other'],
    ['${MISSING:-a${ALSO_MISSING:-b}c}', 'abc'],
    ['${NAME:?must be there}', 'value'],
    ['${MISSING:-http://host:80/}', 'http://host:80/'],
  ];
  for (const [template, expected] of table) {
    assert.equal(interpolate(template, environment).text, expected, template);
  }
});

test('a variable without value or default is named, once, and only where it is used', () => {
  assert.deepEqual(interpolate('$MISSING ${MISSING}', environment).unset, ['MISSING']);
  assert.deepEqual(interpolate('${NAME:-$MISSING}', environment).unset, []);
});

test('malformed expressions and missing required variables say what is wrong', () => {
  const table: readonly (readonly [string, RegExp])[] = [
    ['${NAME', /invalid interpolation format at "\$\{NAME"/],
    ['${}', /invalid interpolation format/],
    ['${1NAME}', /invalid interpolation format/],
    ['$(date)', /invalid interpolation format/],
    ['price: $', /invalid interpolation format/],
    ['${NAME:~x}', /invalid interpolation format/],
    ['${MISSING:?set it to the password}', /required variable MISSING .*set it to the password/],
    ['${EMPTY:?}', /required variable EMPTY .*must be set/],
  ];
  for (const [template, message] of table) {
    assert.throws(
      () => interpolate(template, environment),
      (error) =>
        error instanceof TuttiError &&
        error.code === 'invalid-argument' &&
        message.test(error.message),
      template,
    );
  }
});
