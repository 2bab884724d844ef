import assert from 'node:assert/strict';
import { test } from 'node:test';
import { composeImage, composeManifest, imageKey, imageKeyLabel, judgeImage } from './image.ts';
import type { ImageRecipe } from './recipes.ts';

const recipe: ImageRecipe = {
  layers: [],
  entrypoint: [],
  command: ['run'],
  environment: { APP_VERSION: '1' },
  exposedPorts: ['80/tcp'],
  workingDirectory: '/app',
};
const layers = [
  { diffId: 'sha256:aa', path: '/cache/one.tar', sizeBytes: 10 },
  { diffId: 'sha256:bb', path: '/cache/two.tar', sizeBytes: 20 },
];

test('the key changes with the settings and with each layer, and with nothing else', () => {
  const key = imageKey(recipe, ['one', 'two']);
  assert.equal(imageKey({ ...recipe }, ['one', 'two']), key);
  assert.notEqual(imageKey(recipe, ['one', 'other']), key);
  assert.notEqual(imageKey({ ...recipe, environment: { APP_VERSION: '2' } }, ['one', 'two']), key);
});

test('an image that was not made here is left alone', () => {
  assert.equal(judgeImage({}, 'key'), 'foreign');
  assert.equal(judgeImage({ maintainer: 'somebody' }, 'key'), 'foreign');
});

test('an image of ours is kept while its key fits', () => {
  assert.equal(judgeImage({ [imageKeyLabel]: 'key' }, 'key'), 'present');
  assert.equal(judgeImage({ [imageKeyLabel]: 'older' }, 'key'), 'loaded');
  assert.equal(judgeImage(undefined, 'key'), 'loaded');
});

test('the configuration names settings, key and layers', () => {
  const image = composeImage({ recipe, key: 'key', layers, tags: ['app:1'] });
  const written: unknown = JSON.parse(image.config);
  assert.deepEqual(written, {
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    os: 'linux',
    created: '1970-01-01T00:00:00Z',
    config: {
      Env: ['APP_VERSION=1'],
      Entrypoint: null,
      Cmd: ['run'],
      WorkingDir: '/app',
      ExposedPorts: { '80/tcp': {} },
      Labels: { [imageKeyLabel]: 'key' },
    },
    rootfs: { type: 'layers', diff_ids: ['sha256:aa', 'sha256:bb'] },
    history: layers.map(() => ({
      created: '1970-01-01T00:00:00Z',
      created_by: 'tutti tools/images',
    })),
  });
});

test('two images share the files of the layers that they have in common', () => {
  const one = composeImage({ recipe, key: 'one', layers, tags: ['app:1'] });
  const two = composeImage({ recipe, key: 'two', layers, tags: ['app:2'] });
  const manifest: unknown = JSON.parse(composeManifest([one, two]));
  assert.notEqual(one.configFile, two.configFile);
  assert.deepEqual(manifest, [
    { Config: one.configFile, RepoTags: ['app:1'], Layers: ['aa.tar', 'bb.tar'] },
    { Config: two.configFile, RepoTags: ['app:2'], Layers: ['aa.tar', 'bb.tar'] },
  ]);
});
