import assert from 'node:assert/strict';
import { test } from 'node:test';
import { localData } from './local-data.ts';
import type { Mount, TaskTemplateSpec } from './template.ts';

function dataOf(...mounts: readonly Mount[]): readonly string[] {
  const container = { name: 'main', image: 'bb:1', mounts };
  return localData({ containers: [container] } as unknown as TaskTemplateSpec);
}

const volume = { type: 'volume', source: 'data', target: '/d', readOnly: false } as const;
const directory = { type: 'bind', source: '/srv', target: '/d', readOnly: false } as const;

test('a volume of the node and a directory that is written to stay on it', () => {
  assert.deepEqual(dataOf(volume, directory, volume), ['volume data', 'directory /srv']);
  assert.deepEqual(dataOf({ ...volume, driver: { name: 'local', options: {} } }), ['volume data']);
});

test('what is the same everywhere, only read, or lost in any case is no data of a node', () => {
  assert.deepEqual(
    dataOf(
      { ...volume, driver: { name: 'local', options: { type: 'nfs' } } },
      { ...volume, driver: { name: 'rexray', options: {} } },
      { type: 'volume', target: '/d', readOnly: false },
      { ...directory, readOnly: true },
      { type: 'tmpfs', target: '/d', readOnly: false },
    ),
    [],
  );
});
