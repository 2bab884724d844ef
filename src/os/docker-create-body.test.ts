import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ContainerSpec } from '../model/template.ts';
import { createBody } from './docker-create-body.ts';

const plainContainer: ContainerSpec = {
  name: 'main',
  image: 'bb:1',
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
};

test('every name of a line of hosts reaches the container', () => {
  const spec = { ...plainContainer, hosts: ['10.0.0.1 db  db.internal', 'host-gateway gateway'] };
  const request = { name: 'c', spec, labels: {}, endpoints: [], exposedPorts: [], files: [] };
  const { HostConfig } = createBody(request) as {
    HostConfig: { ExtraHosts: readonly string[] };
  };
  assert.deepEqual(HostConfig.ExtraHosts, [
    'db:10.0.0.1',
    'db.internal:10.0.0.1',
    'gateway:host-gateway',
  ]);
});
