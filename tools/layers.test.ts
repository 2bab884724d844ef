import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { layers, type Layer } from '../layers.ts';
import { repositoryRoot } from './root.ts';

const rows: readonly (readonly [string, Layer])[] = Object.entries(layers);

test('a module imports only from rows above its own', () => {
  const above = new Set<string>();
  for (const [module, { imports }] of rows) {
    for (const entry of imports) {
      const target = entry.split('/')[0] ?? entry;
      assert.ok(above.has(target), `${module} imports ${entry}, which stands below it`);
    }
    above.add(module);
  }
});

test('pure modules use nothing of Node', () => {
  for (const [module, { kind, uses = [] }] of rows) {
    if (kind !== 'pure') continue;
    assert.deepEqual(
      uses.filter((name) => name.startsWith('node:')),
      [],
      module,
    );
  }
});

test('every package in the table is a dependency of the product', () => {
  const manifest: unknown = JSON.parse(readFileSync(join(repositoryRoot, 'package.json'), 'utf8'));
  const { dependencies } = manifest as { readonly dependencies: Readonly<Record<string, string>> };
  const packages = rows
    .flatMap(([, { uses = [], usesTypes = [] }]) => [...uses, ...usesTypes])
    .filter((name) => !name.startsWith('node:'));
  for (const name of packages) assert.ok(name in dependencies, `${name} is not in dependencies`);
});
