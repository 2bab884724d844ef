import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runtimePackages } from './runtime-packages.ts';

test('what is for development or inside another package is left out', () => {
  const lockFile = JSON.stringify({
    packages: {
      '': { name: 'application' },
      'node_modules/pg': { version: '8.0.0' },
      'node_modules/pg/node_modules/inner': { version: '1.0.0' },
      'node_modules/@scope/name': { version: '1.0.0' },
      'node_modules/@types/pg': { version: '8.0.0', dev: true },
    },
  });
  assert.deepEqual(runtimePackages(lockFile), ['node_modules/pg', 'node_modules/@scope/name']);
});
