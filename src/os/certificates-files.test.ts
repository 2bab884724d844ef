import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { NodeIdentityFile } from './certificates-files.ts';

const joining = { nodeId: 'n1', key: '-----BEGIN PRIVATE KEY-----' };
const member = {
  ...joining,
  membership: {
    clusterId: 'c1',
    certificate: '-----BEGIN CERTIFICATE-----',
    roots: ['r'],
    managers: [],
    address: '192.0.2.7',
  },
};

let directory: string;
let path: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'tutti-identity-'));
  path = join(directory, 'identity', 'node.json');
});
afterEach(async () => await rm(directory, { recursive: true, force: true }));

test('an identity is found again, before and after the node has joined', async () => {
  const file = new NodeIdentityFile(path);
  assert.equal(await file.load(), undefined);
  for (const identity of [joining, member]) {
    await file.save(identity);
    assert.deepEqual(await new NodeIdentityFile(path).load(), identity);
  }
  await file.forget();
  assert.equal(await file.load(), undefined);
});

test('only its owner reads it, also where a file with other rights lay in the way', async () => {
  const file = new NodeIdentityFile(path);
  await file.save(joining);
  assert.equal((await stat(path)).mode % 0o1000, 0o600);
  assert.equal((await stat(join(directory, 'identity'))).mode % 0o1000, 0o700);
  await writeFile(`${path}.new`, 'half of it', { mode: 0o644 });
  await file.save(member);
  assert.equal((await stat(path)).mode % 0o1000, 0o600);
  assert.deepEqual(await readdir(join(directory, 'identity')), ['node.json']);
});

test('a write that did not come to its end leaves the old identity', async () => {
  const file = new NodeIdentityFile(path);
  await file.save(member);
  await writeFile(`${path}.new`, '{"nodeId":"n1","ke');
  assert.deepEqual(await file.load(), member);
});

for (const text of ['', '{', '[]', 'null', '{"nodeId":"n1"}', '{"nodeId":1,"key":"k"}']) {
  test(`a file with ${text || 'nothing'} in it is named, and left as it is`, async () => {
    await new NodeIdentityFile(path).save(joining);
    await writeFile(path, text);
    await assert.rejects(new NodeIdentityFile(path).load(), {
      code: 'failed-precondition',
      message: /node\.json is no identity of a node/,
    });
    assert.equal(await readFile(path, 'utf8'), text);
  });
}

test('changes that are asked for together are made one after the other, and the last counts', async () => {
  const file = new NodeIdentityFile(path);
  await Promise.all([file.save(joining), file.save(member), file.save(joining), file.save(member)]);
  assert.deepEqual(await file.load(), member);
  await Promise.all([file.save(joining), file.forget()]);
  assert.equal(await file.load(), undefined);
});
