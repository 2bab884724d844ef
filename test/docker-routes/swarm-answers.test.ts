import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { DockerCluster } from './docker-cluster.ts';
import { maskText } from './mask.ts';

interface Recorded {
  readonly command: string;
  /** What the docker CLI sends. */
  readonly send: { readonly Name: string };
  /** What Docker Swarm 20.10 answers, key by key and in its order, masked. */
  readonly show: object;
}

const recordings = JSON.parse(
  readFileSync(new URL('swarm-answers.json', import.meta.url), 'utf8'),
) as readonly Recorded[];

for (const { command, send, show } of recordings) {
  test(`${command} comes back as Swarm shows it`, async () => {
    await using cluster = await DockerCluster.start();
    await cluster.ask('POST /networks/create', { body: { Name: 'net1', Driver: 'overlay' } });
    const created = await cluster.ask('POST /services/create', { body: send });
    assert.equal(created.status, 201, created.text);
    assert.equal(maskText(created.text), '{"ID":"<id>"}\n');
    const shown = await cluster.ask(`GET /services/${send.Name}?insertDefaults=false`);
    assert.equal(maskText(shown.text), `${JSON.stringify(show)}\n`);
  });
}

const defaultUpdate = {
  Parallelism: 1,
  FailureAction: 'pause',
  Monitor: 5_000_000_000,
  MaxFailureRatio: 0,
  Order: 'stop-first',
};

test('insertDefaults shows what Swarm assumes', async () => {
  await using cluster = await DockerCluster.start();
  await cluster.ask('POST /services/create', { body: recordings[0]?.send });
  const shown = await cluster.ask('GET /services/g?insertDefaults=true');
  const { Spec: spec } = shown.json as { readonly Spec: Readonly<Record<string, unknown>> };
  assert.deepEqual(Object.keys(spec), [
    'Name',
    'Labels',
    'TaskTemplate',
    'Mode',
    'UpdateConfig',
    'RollbackConfig',
    'EndpointSpec',
  ]);
  assert.deepEqual(spec['UpdateConfig'], defaultUpdate);
  assert.deepEqual(spec['RollbackConfig'], defaultUpdate);
  assert.deepEqual(spec['TaskTemplate'], {
    ContainerSpec: {
      Image: 'bb:1',
      Args: ['/bin/sleep', '1000'],
      Init: false,
      StopGracePeriod: 10_000_000_000,
      DNSConfig: {},
      Isolation: 'default',
    },
    Resources: { Limits: {}, Reservations: {} },
    RestartPolicy: { Condition: 'any', Delay: 5_000_000_000, MaxAttempts: 0 },
    Placement: {},
    ForceUpdate: 0,
    Runtime: 'container',
  });
});
