import assert from 'node:assert/strict';
import { test } from 'node:test';
import { splitVersion } from './api-version.ts';

test('a path without version is read as the newest', () => {
  assert.deepEqual(splitVersion('/services'), { version: 51, path: '/services' });
  assert.deepEqual(splitVersion('/volumes/v1.41'), { version: 51, path: '/volumes/v1.41' });
});

test('a version is taken off', () => {
  assert.deepEqual(splitVersion('/v1.41/services/w'), { version: 41, path: '/services/w' });
  assert.deepEqual(splitVersion('/v1.24/_ping'), { version: 24, path: '/_ping' });
});

for (const [path, sentence] of [
  ['/v1.52/x', 'client version 1.52 is too new. Maximum supported API version is 1.51'],
  ['/v2.0/x', 'client version 2.0 is too new. Maximum supported API version is 1.51'],
  ['/v1.1000/x', 'client version 1.1000 is too new. Maximum supported API version is 1.51'],
  ['/v1.23/x', /client version 1.23 is too old. Minimum supported API version is 1.24, please/],
] as const) {
  test(`${path} is refused`, () => {
    assert.throws(() => splitVersion(path), { code: 'invalid-argument', message: sentence });
  });
}
