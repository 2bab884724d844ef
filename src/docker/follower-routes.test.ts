import assert from 'node:assert/strict';
import { test } from 'node:test';
import { answerAsFollower } from './follower-routes.ts';

function ask(method: string, path: string, trouble: string | undefined) {
  const source = { known: undefined, nodeId: 'n1', trouble };
  const reply = answerAsFollower({ method, path }, { source, productVersion: '1.2.3' });
  if (reply?.kind !== 'whole') return undefined;
  const text = String(reply.body);
  return text.startsWith('{') ? (JSON.parse(text) as { Swarm: object }).Swarm : text;
}

test('a manager says that it is there, also while nobody leads', () => {
  assert.equal(ask('GET', '/_ping', 'nobody'), 'OK');
  assert.equal(ask('HEAD', '/_ping', undefined), 'OK');
});

test('what it is in the cluster is told with what is wrong', () => {
  for (const path of ['/info', '/v1.41/info']) {
    const said = ask('GET', path, 'no manager leads');
    assert.partialDeepStrictEqual(said, { NodeID: 'n1', Error: 'no manager leads' });
    assert.partialDeepStrictEqual(ask('GET', path, undefined), { Error: '' });
  }
});

test('everything else is for the leader', () => {
  for (const path of ['/nodes', '/v1.41/services', '/v9/info', '/tutti/v1/status']) {
    assert.equal(ask('GET', path, undefined), undefined);
  }
  assert.equal(ask('POST', '/info', undefined), undefined);
});
