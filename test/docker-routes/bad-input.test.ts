import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { TuttiError } from '../../src/lib/error.ts';
import { badClusterRoutes } from './bad-cluster-routes.ts';
import { badDataRoutes } from './bad-data-routes.ts';
import { badServiceRoutes } from './bad-service-routes.ts';
import { DockerCluster } from './docker-cluster.ts';

/** Every route refuses what it must, says which field is to blame, and leaves the store alone. */

const badRoutes = [...badServiceRoutes, ...badClusterRoutes, ...badDataRoutes];

let cluster: DockerCluster;
const versions = new Map<string, number>();

before(async () => {
  cluster = await DockerCluster.start();
  const secret = await created('POST /secrets/create', { Name: 'sec', Data: 'YQ==' });
  const config = await created('POST /configs/create', { Name: 'cfg', Data: 'YQ==' });
  await created('POST /networks/create', { Name: 'net1', Driver: 'overlay' });
  await created('POST /services/create', {
    Name: 'w',
    TaskTemplate: {
      ContainerSpec: {
        Image: 'bb:1',
        Secrets: [{ SecretID: secret, SecretName: 'sec', File: { Name: 'sec' } }],
        Configs: [{ ConfigID: config, ConfigName: 'cfg', File: { Name: '/cfg' } }],
      },
      Networks: [{ Target: 'net1' }],
    },
  });
  await created('POST /services/create', {
    Name: 'taken',
    TaskTemplate: { ContainerSpec: { Image: 'bb:1' } },
    EndpointSpec: { Ports: [{ TargetPort: 80, PublishedPort: 18_080 }] },
  });
  for (const [name, route] of [
    ['@w', '/services/w'],
    ['@node', '/nodes/self'],
    ['@secret', '/secrets/sec'],
    ['@config', '/configs/cfg'],
    ['@swarm', '/swarm'],
  ] as const) {
    const { json } = await cluster.ask(`GET ${route}`);
    versions.set(name, (json as { readonly Version: { readonly Index: number } }).Version.Index);
  }
});

after(async () => await cluster[Symbol.asyncDispose]());

async function created(line: string, body: object): Promise<string> {
  const answer = await cluster.ask(line, { body });
  assert.equal(answer.status, 201, answer.text);
  return (answer.json as { readonly ID?: string }).ID ?? '';
}

for (const { line: routeLine, cases } of badRoutes) {
  for (const bad of cases) {
    test(`${bad.line ?? routeLine} refuses ${bad.what}`, async () => {
      const line = (bad.line ?? routeLine).replace(/@\w+/, (name) => String(versions.get(name)));
      const { revision } = cluster;
      const isTooLarge = bad.status === 413;
      const answer = await cluster.ask(line, {
        ...bad,
        ...(isTooLarge ? { readBody: tooLarge } : {}),
      });
      assert.equal(answer.status, bad.status, answer.text);
      assert.equal(answer.headers['Content-Type'], 'application/json');
      const { message } = answer.json as { readonly message: string };
      assert.match(message, bad.says);
      assert.equal(cluster.revision, revision, 'the store was changed');
    });
  }
}

/** As the server does it beyond its limit. */
async function tooLarge(): Promise<Uint8Array> {
  throw new TuttiError('resource-exhausted', 'the body is larger than 4194304 bytes', {
    field: 'body',
  });
}

test('there are at least 150 of them', () => {
  const count = badRoutes.reduce((sum, { cases }) => sum + cases.length, 0);
  assert.ok(count >= 150, `${count} cases`);
});
