import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { differencesFromLock } from './dependencies.mjs';

interface Entry {
  readonly version?: string;
  readonly integrity?: string;
  readonly os?: readonly string[];
  readonly cpu?: string | readonly string[];
  readonly libc?: readonly string[];
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

type Packages = Readonly<Record<string, Entry>>;

/** What `differencesFromLock` says of a folder with this lock file and these packages. */
function compare(locked: Packages, installed: Packages): readonly string[] {
  const directory = mkdtempSync(join(tmpdir(), 'tutti-lock-'));
  const write = (path: string, value: unknown) => {
    mkdirSync(dirname(join(directory, path)), { recursive: true });
    writeFileSync(join(directory, path), JSON.stringify(value));
  };
  try {
    write('package-lock.json', { packages: locked });
    write('node_modules/.package-lock.json', { packages: installed });
    for (const [path, { version }] of Object.entries(installed)) {
      write(`${path}/package.json`, { version });
    }
    return differencesFromLock(directory).map((line) => line.trim());
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const root: Entry = { dependencies: { one: '1.0.0' } };
const one: Entry = { version: '1.0.0', integrity: 'sha512-one' };

test('what is installed as it is locked has no difference', () => {
  assert.deepEqual(compare({ '': root, 'node_modules/one': one }, { 'node_modules/one': one }), []);
});

test('a package that is missing is named', () => {
  assert.deepEqual(compare({ '': root, 'node_modules/one': one }, {}), [
    'node_modules/one: 1.0.0 is missing',
  ]);
});

test('another version and another content are named', () => {
  const locked = { '': root, 'node_modules/one': one };
  assert.deepEqual(compare(locked, { 'node_modules/one': { ...one, version: '1.0.1' } }), [
    'node_modules/one: 1.0.1 is installed, 1.0.0 is locked',
  ]);
  assert.deepEqual(compare(locked, { 'node_modules/one': { ...one, integrity: 'sha512-two' } }), [
    'node_modules/one: 1.0.0 has another integrity',
  ]);
});

test('builds for other machines, and what only they need, may be missing', () => {
  const others: readonly Entry[] = [
    { os: ['win32'] },
    { os: ['!linux'] },
    { cpu: 'wasm32' },
    { cpu: ['s390x'] },
    { libc: ['musl'] },
  ];
  for (const other of others) {
    const locked = {
      '': { optionalDependencies: { build: '1.0.0' } },
      'node_modules/build': { version: '1.0.0', dependencies: { deep: '1.0.0' }, ...other },
      'node_modules/deep': { version: '1.0.0' },
    };
    assert.deepEqual(compare(locked, {}), [], JSON.stringify(other));
  }
});

test('the build for this machine may not be missing, though it is optional', () => {
  const locked = {
    '': { optionalDependencies: { build: '1.0.0' } },
    'node_modules/build': { version: '1.0.0', os: ['linux'], cpu: [process.arch] },
  };
  assert.deepEqual(compare(locked, {}), ['node_modules/build: 1.0.0 is missing']);
});

test('a package inside of a package is looked for there first', () => {
  const locked = {
    '': root,
    'node_modules/one': { ...one, dependencies: { two: '2.0.0' } },
    'node_modules/one/node_modules/two': { version: '2.0.0' },
    'node_modules/two': { version: '1.0.0' },
  };
  assert.deepEqual(compare(locked, { 'node_modules/one': one }), [
    'node_modules/one/node_modules/two: 2.0.0 is missing',
  ]);
});
