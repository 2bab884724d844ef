import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TuttiError } from '../lib/error.ts';
import type { TaskAssignment } from '../model/assignment.ts';
import type { ContainerSpec } from '../model/template.ts';
import { fillTemplates } from './template.ts';

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
const context = { task, node: { id: 'node1', hostname: 'host-a' } };

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
    ['{{ .Service.ID }}', 'service1'],
    ['{{index .Service.Labels "tier"}}', 'front'],
    ['{{index .Service.Labels "none"}}', ''],
    ['{{.Node.Hostname}}/{{.Node.ID}}', 'host-a/node1'],
    ['{{.Task.Slot}}', '2'],
    ['{{.Task.ID}}', 'task1'],
    ['{{.Task.Name}}', 'st_web.2.task1'],
    ['plain $TEXT', 'plain $TEXT'],
  ];
  for (const [template, expected] of table) {
    assert.deepEqual(fillTemplates(specWith({ env: [template] }), context).env, [expected]);
  }
});

test('host name and mounts are filled too, tmpfs mounts are left alone', () => {
  const spec = specWith({
    hostname: 'web-{{.Task.Slot}}',
    mounts: [
      { type: 'volume', source: 'data-{{.Task.Slot}}', target: '/data', readOnly: false },
      { type: 'tmpfs', target: '/tmp', readOnly: false },
    ],
  });
  const filled = fillTemplates(spec, context);
  assert.equal(filled.hostname, 'web-2');
  const [volume, tmpfs] = filled.mounts;
  assert.equal(volume?.type === 'volume' ? volume.source : '', 'data-2');
  assert.deepEqual(tmpfs, spec.mounts[1]);
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
