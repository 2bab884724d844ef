import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { CreateContainer } from '../host/container-runtime.ts';
import type { ContainerSpec } from '../model/template.ts';
import { createBody, createVersion } from './docker-create-body.ts';

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

const request: CreateContainer = {
  name: 'c',
  spec: plainContainer,
  labels: {},
  endpoints: [],
  exposedPorts: [],
  files: [],
};

test('every name of a line of hosts reaches the container', () => {
  const spec = { ...plainContainer, hosts: ['10.0.0.1 db  db.internal', 'host-gateway gateway'] };
  const { HostConfig } = createBody({ ...request, spec }) as {
    HostConfig: { ExtraHosts: readonly string[] };
  };
  assert.deepEqual(HostConfig.ExtraHosts, [
    'db:10.0.0.1',
    'db.internal:10.0.0.1',
    'gateway:host-gateway',
  ]);
});

test('a start interval is asked for in the API version that knows it', () => {
  const healthCheck = { test: ['CMD', 'true'], startPeriodMs: 9_000, startIntervalMs: 500 };
  const asked = { ...request, spec: { ...request.spec, healthCheck } };
  assert.equal(createVersion(asked), 'v1.44');
  assert.equal(createVersion(request), undefined);
  const { Healthcheck } = createBody(asked);
  assert.deepEqual(Healthcheck, {
    Test: ['CMD', 'true'],
    StartPeriod: 9_000_000_000,
    StartInterval: 500_000_000,
  });
});
