import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TuttiError } from '../lib/error.ts';
import type { TaskAssignment } from '../model/assignment.ts';
import type { ContainerSpec } from '../model/template.ts';
import { checkPayload, fillPayload, fillTemplates } from './template.ts';

const task: TaskAssignment = {
  taskId: 'task1',
  serviceId: 'service1',
  serviceName: 'st_web',
  serviceLabels: { tier: 'front' },
  slot: 2,
  templateId: 'template1',
  desired: 'running',
  addresses: [],
  ended: false,
};
const node = { id: 'node1', hostname: 'host-a', os: 'linux', architecture: 'x86_64' };
const context = { task, node };

function specWith(changes: Partial<ContainerSpec>): ContainerSpec {
  return {
    name: 'main',
    image: 'nginx',
    labels: {},
    env: [],
    groups: [],
    tty: false,
    openStdin: false,
    readOnly: false,
    hosts: [],
    dns: { nameservers: [], search: [], options: [] },
    mounts: [],
    secrets: [],
    configs: [],
    sysctls: {},
    capabilityAdd: [],
    capabilityDrop: [],
    ulimits: [],
    limits: {},
    reservations: {},
    ...changes,
  };
}

test('placeholders stand for service, task and node', () => {
  const table: readonly (readonly [string, string])[] = [
    ['A={{.Service.Name}}', 'A=st_web'],
    ['A={{ .Service.ID }}', 'A=service1'],
    ['A={{index .Service.Labels "tier"}}', 'A=front'],
    ['A={{index .Service.Labels "none"}}', 'A='],
    ['A={{.Node.Hostname}}/{{.Node.ID}}', 'A=host-a/node1'],
    ['A={{.Node.Platform.OS}}/{{.Node.Platform.Architecture}}', 'A=linux/x86_64'],
    ['A={{.Task.Slot}}', 'A=2'],
    ['A={{.Task.ID}}', 'A=task1'],
    ['A={{.Task.Name}}', 'A=st_web.2.task1'],
    ['A=plain $TEXT', 'A=plain $TEXT'],
    ['{{.Task.ID}}=only the value', '{{.Task.ID}}=only the value'],
  ];
  for (const [template, expected] of table) {
    assert.deepEqual(fillTemplates(specWith({ env: [template] }), context).env, [expected]);
  }
});

test('host name and mounts are filled too', () => {
  const spec = specWith({
    hostname: 'web-{{.Task.Slot}}',
    mounts: [
      {
        type: 'volume',
        source: 'data-{{.Task.Slot}}',
        target: '/data/{{.Service.Name}}',
        readOnly: false,
        labels: { slot: '{{.Task.Slot}}' },
        driver: { name: 'nfs', options: { share: '/srv/{{.Service.Name}}' } },
      },
      { type: 'bind', source: '/srv/{{.Node.Hostname}}', target: '/b', readOnly: true },
      { type: 'tmpfs', target: '/tmp', readOnly: false },
    ],
  });
  const filled = fillTemplates(spec, context);
  assert.equal(filled.hostname, 'web-2');
  assert.deepEqual(filled.mounts, [
    {
      type: 'volume',
      source: 'data-2',
      target: '/data/st_web',
      readOnly: false,
      labels: { slot: '2' },
      driver: { name: 'nfs', options: { share: '/srv/st_web' } },
    },
    { type: 'bind', source: '/srv/host-a', target: '/b', readOnly: true },
    { type: 'tmpfs', target: '/tmp', readOnly: false },
  ]);
});

test('a placeholder that means nothing is named', () => {
  assert.throws(
    () => fillTemplates(specWith({ env: ['X={{.Service.Nmae}}'] }), context),
    (error) =>
      error instanceof TuttiError &&
      error.message.includes('{{.Service.Nmae}}') &&
      error.hint?.includes('.Service.Name') === true,
  );
});

const password = {
  sourceId: 's1',
  sourceName: 'st_db',
  target: 'db',
  uid: '0',
  gid: '0',
  mode: 0o444,
};
const other = { ...password, sourceId: 'c1', sourceName: 'st_extra', target: '/etc/extra' };

function payload(text: string, sensitive = false): string {
  const spec = specWith({ env: ['PORT=80'], secrets: [password], configs: [other] });
  const contents = new Map([
    ['s1', 'hush'],
    ['c1', 'more'],
  ]);
  const data = (id: string) => {
    const content = contents.get(id);
    return content === undefined ? undefined : { data: btoa(content) };
  };
  const filled = fillPayload(new TextEncoder().encode(text), { ...context, spec, data, sensitive });
  return new TextDecoder().decode(filled);
}

test('a templated file may ask for the variables, secrets and configs of its container', () => {
  assert.equal(
    payload(
      'listen {{env "PORT"}}\nuser {{.Service.Name}}:{{secret "db"}}\n{{config "/etc/extra"}}',
    ),
    'listen 80\nuser st_web:hush\nmore',
  );
  assert.equal(payload('{{env "NONE"}}'), '');
});

test('a templated file that asks for what its container does not have says so', () => {
  assert.throws(() => payload('{{secret "nope"}}'), {
    message: 'the placeholder {{secret "nope"}}: the container has no secret with target nope',
    hint: 'Its secrets are db.',
  });
  assert.throws(() => payload('{{secret}}'), /secret takes one text/);
  const bytes = new Uint8Array([0xff, 0xfe]);
  assert.throws(() => checkPayload(bytes, { sensitive: false }), /must be text in UTF-8/);
});

test('an error in a templated secret shows none of it', () => {
  for (const text of ['{{"pass-word" | nosuch}}', '{{pass-word', '{{secret "pass-word"}}']) {
    assert.throws(
      () => payload(text, true),
      (error) => error instanceof TuttiError && !String(error.stack).includes('pass-word'),
    );
  }
});
