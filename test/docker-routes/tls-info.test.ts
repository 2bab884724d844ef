import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DockerCluster } from './docker-cluster.ts';

const keys = ['TrustRoot', 'CertIssuerSubject', 'CertIssuerPublicKey'];

/** Every value under the key, wherever in the document. */
function allUnder(document: unknown, key: string): readonly unknown[] {
  if (typeof document !== 'object' || document === null) return [];
  return Object.entries(document).flatMap(([name, value]) =>
    name === key ? [value as unknown] : allUnder(value, key),
  );
}

test('cluster, information and node show the same authority, and nothing shows its key', async () => {
  await using cluster = await DockerCluster.start();
  const [root] = cluster.manager.controlPlane.view.roots.all();
  assert.ok(root?.sealedKey);
  for (const route of [
    '/swarm',
    '/info',
    '/nodes',
    `/nodes/${cluster.manager.controlPlane.nodeId}`,
  ]) {
    const answer = await cluster.ask(`GET ${route}`);
    const [shown, ...more] = allUnder(answer.json, 'TLSInfo');
    assert.deepEqual(Object.keys(shown as object), keys, route);
    assert.deepEqual(Object.values(shown as object), [
      root.certificate,
      root.subject,
      root.publicKey,
    ]);
    assert.equal(more.length, 0);
    assert.ok(!answer.text.includes(root.sealedKey), route);
    assert.ok(!/sealed/i.test(answer.text), route);
  }
});

test('the tokens that are shown pin the root, also after one was rotated', async () => {
  await using cluster = await DockerCluster.start();
  const [root] = cluster.manager.controlPlane.view.roots.all();
  const tokens = async (): Promise<readonly string[]> => {
    const { json } = await cluster.ask('GET /swarm');
    const { Version, JoinTokens, Spec } = json as {
      readonly Version: { readonly Index: number };
      readonly JoinTokens: { readonly Worker: string; readonly Manager: string };
      readonly Spec: object;
    };
    version = Version.Index;
    spec = Spec;
    return [JoinTokens.Worker, JoinTokens.Manager];
  };
  let version = 0;
  let spec = {};
  const before = await tokens();
  const update = `POST /swarm/update?version=${version}&rotateWorkerToken=true`;
  assert.equal((await cluster.ask(update, { body: spec })).status, 200);
  const after = await tokens();
  assert.notEqual(after[0], before[0]);
  assert.equal(after[1], before[1]);
  for (const token of [...before, ...after]) assert.equal(token.split('-')[2], root?.id);
});
