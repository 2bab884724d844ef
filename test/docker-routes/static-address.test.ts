import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DockerCluster } from './docker-cluster.ts';

const option = 'dev.tutti.ipv4_address';

interface Shown {
  readonly Spec: { readonly TaskTemplate: { readonly Networks: readonly object[] } };
}

async function withNetwork(): Promise<DockerCluster> {
  const cluster = await DockerCluster.start();
  const IPAM = { Config: [{ Subnet: '10.20.0.0/24' }] };
  const created = await cluster.ask('POST /networks/create', {
    body: { Name: 'front', Driver: 'overlay', Scope: 'swarm', IPAM },
  });
  assert.equal(created.status, 201, created.text);
  return cluster;
}

function serviceAt(address: string): object {
  const Networks = [{ Target: 'front', DriverOpts: { [option]: address } }];
  return { Name: 'web', TaskTemplate: { ContainerSpec: { Image: 'nginx' }, Networks } };
}

test('an option of the network gives the task its static address, and is shown', async () => {
  await using cluster = await withNetwork();
  const created = await cluster.ask('POST /services/create', { body: serviceAt('10.20.0.5') });
  assert.equal(created.status, 201, created.text);
  const { json } = await cluster.ask('GET /services/web');
  const [network] = (json as Shown).Spec.TaskTemplate.Networks;
  assert.deepEqual((network as { DriverOpts?: object }).DriverOpts, { [option]: '10.20.0.5' });
  const [task] = [...cluster.manager.controlPlane.view.tasks.all()];
  assert.equal(task?.addresses[0]?.address, '10.20.0.5/24');
});

test('an address that cannot be given is refused by the name of the option', async () => {
  await using cluster = await withNetwork();
  const { status, text } = await cluster.ask('POST /services/create', {
    body: serviceAt('10.20.0.1'),
  });
  assert.equal(status, 400);
  assert.match(text, /TaskTemplate\.Networks\[0\]\.DriverOpts\[/);
  assert.match(text, /10\.20\.0\.1 is the gateway of network front/);
});

test('a second service that asks for it is told whose it is', async () => {
  await using cluster = await withNetwork();
  await cluster.ask('POST /services/create', { body: serviceAt('10.20.0.5') });
  const { status, text } = await cluster.ask('POST /services/create', {
    body: { ...serviceAt('10.20.0.5'), Name: 'late' },
  });
  assert.equal(status, 400);
  assert.match(text, /10\.20\.0\.5 of network front is already in use by service web/);
});
