import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { testImages, upstreamVotingAppImages, votingAppImages } from './catalog.ts';
import { imageRecipe } from './recipes.ts';

const all = [...votingAppImages, ...upstreamVotingAppImages, ...testImages];

test('no two images have one name', () => {
  assert.equal(new Set(all.map(({ tag }) => tag)).size, all.length);
});

test('everything that an image copies is there, and no test is among it', () => {
  for (const { recipe, version } of all) {
    for (const layer of imageRecipe(recipe, version).layers) {
      if (layer.kind !== 'entries') continue;
      for (const entry of layer.entries) {
        if (entry.kind !== 'copy') continue;
        assert.ok(existsSync(entry.from), entry.from);
        assert.doesNotMatch(entry.path, /\.test\.ts$/);
      }
    }
  }
});

test('two versions of an image share all but what tells them apart', () => {
  const [one, two] = [imageRecipe('vote', '1'), imageRecipe('vote', '2')];
  assert.deepEqual(one.layers, two.layers);
  assert.notDeepEqual(one.environment, two.environment);
});
