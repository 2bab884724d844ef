import assert from 'node:assert/strict';
import { test } from 'node:test';
import { declare, ManagerWorld } from '../../sim/manager-world.ts';
import type { DataSpec } from '../model/secret.ts';

const spec: DataSpec = { name: 'sec', labels: {} };

function bytes(count: number): string {
  return btoa('x'.repeat(count));
}

const badSecrets: readonly (readonly [string, DataSpec, string, string, RegExp])[] = [
  ['an empty name', { ...spec, name: '' }, bytes(1), 'spec.name', /is empty/],
  ['a name for a shell', { ...spec, name: 'a;b' }, bytes(1), 'spec.name', /"a;b"; letters/],
  ['too long a name', { ...spec, name: 'x'.repeat(65) }, bytes(1), 'spec.name', /at most 64/],
  ['a label without a key', { ...spec, labels: { '': '' } }, bytes(1), 'spec.labels', /the key ""/],
  [
    'labels that would make every list of secrets slow',
    { ...spec, labels: { a: 'x'.repeat(300_000) } },
    bytes(1),
    'spec.labels',
    /has 300001 characters in all, at most 262144 are allowed/,
  ],
  ['no content', spec, '', 'data', /larger than 0 and less than 512000 bytes; .* has 0/],
  ['too much content', spec, bytes(512_000), 'data', /less than 512000 bytes; .* has 512000/],
  ['content that is not base64', spec, 'x?', 'data', /not base64/],
  [
    'a driver',
    { ...spec, driver: { name: 'vault', options: {} } },
    bytes(1),
    'spec.driver',
    /"vault" is not supported/,
  ],
];

for (const [what, declared, data, field, message] of badSecrets) {
  test(`no secret is made with ${what}`, async () => {
    const { world } = await ManagerWorld.withCluster();
    const { revision } = world.control.view;
    await assert.rejects(world.control.createSecret(declared, data), { field, message });
    assert.equal(world.control.view.revision, revision);
  });
}

test('the limits are those of Swarm to the byte', async () => {
  const { world } = await ManagerWorld.withCluster();
  await world.control.createSecret(spec, bytes(511_999));
  await world.control.createConfig(spec, bytes(1_023_999));
  await assert.rejects(
    world.control.createConfig({ ...spec, name: 'b' }, bytes(1_024_000)),
    /has 1024000/,
  );
});

test('only labels of a secret or config change, on the version that was read', async () => {
  const { world } = await ManagerWorld.withCluster();
  const { control } = world;
  for (const kind of ['Secret', 'Config'] as const) {
    const row = await control[`create${kind}`](spec, bytes(1));
    const labels = { team: 'a' };
    await control[`update${kind}`](row.id, { ...spec, labels }, row.version);
    const table = kind === 'Secret' ? control.view.secrets : control.view.configs;
    assert.deepEqual(table.get(row.id)?.spec.labels, labels);
    await assert.rejects(control[`update${kind}`](row.id, spec, row.version), { code: 'conflict' });
    const { version = 0 } = table.get(row.id) ?? {};
    const renamed = { ...spec, name: 'other' };
    await assert.rejects(
      control[`update${kind}`](row.id, renamed, version),
      /only updates to Labels/,
    );
    await assert.rejects(control[`create${kind}`]({ ...spec, name: 'SEC' }, bytes(1)), {
      code: 'already-exists',
    });
  }
});

test('a secret in use is not removed, and the services that use it are named', async () => {
  const { world } = await ManagerWorld.withCluster();
  const secret = await world.control.createSecret(spec, bytes(1));
  const file = {
    sourceId: secret.id,
    sourceName: 'sec',
    target: 'sec',
    uid: '0',
    gid: '0',
    mode: 0o444,
  };
  const using = { container: { secrets: [file] } };
  const a = await world.control.createService(declare('a', 1, using));
  const remove = (): Promise<void> => world.control.removeSecret(secret.id);
  await assert.rejects(remove(), {
    code: 'invalid-argument',
    message: "secret 'sec' is in use by the following service: a",
  });
  const b = await world.control.createService(declare('b', 1, using));
  await assert.rejects(remove(), /in use by the following services: a, b/);
  await world.control.updateService(b.id, declare('b', 1), { version: b.version });
  await world.control.removeService(a.id);
  await remove();
  assert.equal(world.control.view.secrets.size, 0);
  await assert.rejects(remove(), { code: 'not-found' });
});
