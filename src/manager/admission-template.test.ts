import assert from 'node:assert/strict';
import { test } from 'node:test';
import { declare, ManagerWorld } from '../../sim/manager-world.ts';
import { TuttiError } from '../lib/error.ts';
import type { ContainerSpec, FileReference } from '../model/template.ts';

const golang = { templating: { name: 'golang', options: {} } };

function file(row: { readonly id: string }, name: string): FileReference {
  return { sourceId: row.id, sourceName: name, target: name, uid: '0', gid: '0', mode: 0o444 };
}

const unknown: readonly (readonly [string, Partial<ContainerSpec>, RegExp])[] = [
  ['a variable', { env: ['A=1', 'B={{.Task.Number}}'] }, /\{\{\.Task\.Number\}\}: .*means nothing/],
  ['a host name', { hostname: 'web-{{.Slot}}' }, /\{\{\.Slot\}\}: \.Slot means nothing/],
  ['a variable that is never closed', { env: ['A={{.Task.Slot'] }, /has no \}\}/],
  ['a function only files have', { env: ['A={{env "B"}}'] }, /there is no function env/],
  [
    'a mount',
    { mounts: [{ type: 'volume', source: '{{.Task.Nr}}', target: '/d', readOnly: false }] },
    /\.Task\.Nr means nothing/,
  ],
];

for (const [what, container, message] of unknown) {
  test(`refused when it is declared, and not by each task: a placeholder that means nothing in ${what}`, async () => {
    const { world } = await ManagerWorld.withCluster();
    const { revision } = world.control.view;
    const created = world.control.createService(declare('new', 1, { container }));
    await assert.rejects(created, { field: 'template.containers[0]', message });
    assert.equal(world.control.view.revision, revision);
  });
}

test('what does not look like a placeholder of ours can be written all the same', async () => {
  const { world, agent } = await ManagerWorld.withCluster();
  const container = { env: ['FORMAT={{"{{"}}.Names}}', 'NAME={{.Service.Labels.tier}}'] };
  await world.control.createService(
    declare('new', 1, { container, spec: { labels: { tier: 'front' } } }),
  );
  await world.settle();
  assert.equal(agent.tasks.length, 1);
});

test('a templated config reaches the agent as such, a plain one does not', async () => {
  const { world, agent } = await ManagerWorld.withCluster();
  const { control } = world;
  const shaped = await control.createConfig(
    { name: 'shaped', labels: {}, ...golang },
    btoa('{{secret "key"}} {{env "PORT"}}'),
  );
  const plain = await control.createConfig({ name: 'plain', labels: {} }, btoa('{{not ours}}'));
  const key = await control.createSecret({ name: 'key', labels: {} }, btoa('hush'));
  const configs = [file(shaped, 'shaped'), file(plain, 'plain')];
  const container = { env: ['PORT=80'], configs, secrets: [file(key, 'key')] };
  await control.createService(declare('web', 1, { container }));
  await world.settle();
  assert.equal(agent.view.data.get(shaped.id)?.templated, true);
  assert.equal(agent.view.data.get(plain.id)?.templated, undefined);
});

test('a templated file that asks for what its container lacks refuses the service', async () => {
  const { world } = await ManagerWorld.withCluster();
  const { control } = world;
  const config = await control.createConfig(
    { name: 'shaped', labels: {}, ...golang },
    btoa('{{secret "key"}}'),
  );
  const container = { configs: [file(config, 'shaped')] };
  await assert.rejects(control.createService(declare('web', 1, { container })), {
    field: 'template.containers[0].configs[0]',
    message: /the container has no secret with target key/,
    hint: 'It has no secret at all.',
  });
});

test('a template that cannot be read is refused when it is created, and no secret is shown', async () => {
  const { world } = await ManagerWorld.withCluster();
  const { control } = world;
  const spec = { name: 'shaped', labels: {}, ...golang };
  await assert.rejects(control.createConfig(spec, btoa('{{range .A}}{{end}}')), {
    code: 'unimplemented',
    field: 'data',
    message: /range is not supported/,
  });
  await assert.rejects(control.createConfig(spec, btoa('\xff\xfe')), /text in UTF-8/);
  await assert.rejects(
    control.createSecret(spec, btoa('{{"pass-word"')),
    (error) => error instanceof TuttiError && !String(error.stack).includes('pass-word'),
  );
  const lua = { ...spec, templating: { name: 'lua', options: {} } };
  await assert.rejects(control.createConfig(lua, btoa('x')), {
    code: 'unimplemented',
    field: 'spec.templating',
    message: /"lua" is not supported/,
  });
});
