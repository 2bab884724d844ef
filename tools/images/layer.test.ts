import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { describeLayer } from './layer-content.ts';
import { layerKey, makeLayer } from './layer.ts';
import type { LayerRecipe } from './layer-recipe.ts';
import { runCommand } from './run-command.ts';

function useDirectory() {
  const path = mkdtempSync(join(tmpdir(), 'tutti-layers-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true }) };
}

function recipeOf(from: string): LayerRecipe {
  return {
    kind: 'entries',
    what: 'a few files',
    entries: [
      { kind: 'copy', path: '/app/main.ts', mode: 0o644, from },
      { kind: 'text', path: '/app/run', mode: 0o755, text: '#!/bin/sh\n' },
      { kind: 'directory', path: '/tmp', mode: 0o1777 },
      { kind: 'link', path: '/var/run', target: '/run' },
    ],
  };
}

test('equal content makes equal bytes, in another cache and at another time too', async () => {
  using one = useDirectory();
  using other = useDirectory();
  const made = [];
  for (const { path: cacheDirectory } of [one, other]) {
    const source = join(cacheDirectory, 'source');
    writeFileSync(source, 'content');
    const options = { cacheDirectory, report: () => {} };
    made.push(await makeLayer(await describeLayer(recipeOf(source), options), options));
  }
  assert.equal(made[0]?.diffId, made[1]?.diffId);
  assert.match(made[0]?.diffId ?? '', /^sha256:[0-9a-f]{64}$/);
});

test('a layer is made once and then taken from the cache', async () => {
  using directory = useDirectory();
  const source = join(directory.path, 'source');
  writeFileSync(source, 'content');
  const lines: string[] = [];
  const options = { cacheDirectory: directory.path, report: (line: string) => lines.push(line) };
  const content = await describeLayer(recipeOf(source), options);
  const made = await makeLayer(content, options);
  assert.deepEqual(await makeLayer(content, options), made);
  assert.equal(lines.length, 1);
  writeFileSync(source, 'other content');
  const changed = await describeLayer(recipeOf(source), options);
  assert.notEqual(layerKey(changed), layerKey(content));
});

test('the archive holds what the recipe says, owned by root and of no age', async () => {
  using directory = useDirectory();
  const source = join(directory.path, 'source');
  writeFileSync(source, 'content');
  const options = { cacheDirectory: directory.path, report: () => {} };
  const { path } = await makeLayer(await describeLayer(recipeOf(source), options), options);
  const listing = await runCommand(['tar', '--list', '--verbose', '--utc', '--file', path]);
  assert.match(listing, /^-rw-r--r-- 0\/0 +7 1970-01-01 00:00 \.\/app\/main\.ts$/m);
  assert.match(listing, /^-rwxr-xr-x 0\/0 +10 .* \.\/app\/run$/m);
  assert.match(listing, /^drwxrwxrwt 0\/0 .* \.\/tmp\/$/m);
  assert.match(listing, / \.\/var\/run -> \/run$/m);
});
