import assert from 'node:assert/strict';
import { readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { BackupHeader, RestoreReport, SnapshotReport } from '../src/model/backup.ts';
import { onOwnHost } from './fixture/on-own-host.ts';
import { TestNode } from './fixture/test-node.ts';

/* A machine loses its data directory, and has its cluster again. */

const engineSocket = process.env['TUTTI_TEST_ENGINE'] ?? '';
const image = 'tutti-test/busybox:1';
const secret = 'the-secret-of-this-test';
const document = `
services:
  web:
    image: ${image}
    command: sh -c "cat /run/secrets/word && exec sleep 1d"
    init: true
    secrets: [word]
    deploy: { replicas: 2 }
secrets:
  word: { file: ./word.txt }
`;

let node: TestNode;
const inside = (...names: readonly string[]): string => join(node.directory, ...names);
const phrase = (): readonly string[] => ['--passphrase-file', inside('phrase')];

interface State {
  readonly cluster: string;
  readonly node: string;
  readonly services: string;
  readonly secrets: string;
  readonly networks: string;
}

async function readState(): Promise<State> {
  const [cluster = '', id = ''] = (
    await node.docker('info', '--format', '{{.Swarm.Cluster.ID}} {{.Swarm.NodeID}}')
  ).split(' ');
  return {
    cluster,
    node: id,
    services: await node.docker('service', 'ls', '--format', '{{.ID}} {{.Name}}'),
    secrets: await node.docker('secret', 'ls', '--format', '{{.ID}} {{.Name}}'),
    networks: await node.docker('network', 'ls', '--filter', 'scope=swarm', '-q', '--no-trunc'),
  };
}

async function runningContainers(): Promise<readonly string[]> {
  return (await node.docker('ps', '-q', '--no-trunc')).split('\n').toSorted();
}

async function wordInContainer(): Promise<string> {
  const filter = ['--filter', 'label=com.docker.swarm.service.name=shop_web'];
  const [id = ''] = (await node.docker('ps', '-q', ...filter)).split('\n');
  return await node.docker('exec', id, 'cat', '/run/secrets/word');
}

async function restore(...parameters: readonly string[]): Promise<RestoreReport> {
  const all = ['restore', '--json', ...parameters, ...phrase(), inside('cluster.backup')];
  const { code, stdout, stderr } = await node.tutti(all);
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout) as RestoreReport;
}

onOwnHost(import.meta.filename, () => {
  let original: State;
  let containers: readonly string[];
  let header: Pick<BackupHeader, 'clusterId' | 'epoch' | 'revision'>;

  before(async () => {
    node = await TestNode.start({ engineSocket });
    await node.docker('swarm', 'init', '--advertise-addr', '127.0.0.1');
    await writeFile(inside('stack.yml'), document);
    await writeFile(inside('word.txt'), secret);
    await writeFile(inside('phrase'), 'a long enough phrase\n');
    const { code, stderr } = await node.tutti([
      'stack',
      'deploy',
      '--settle',
      '0s',
      '-c',
      inside('stack.yml'),
      'shop',
    ]);
    assert.equal(code, 0, stderr);
    original = await readState();
    containers = await runningContainers();
  });
  after(async () => await node[Symbol.asyncDispose]());

  test('no file below the data directory holds a secret in the clear', async () => {
    const clear = [secret, Buffer.from(secret).toString('base64')];
    const token = await node.docker('swarm', 'join-token', '-q', 'worker');
    const names = await readdir(inside('data'), { recursive: true });
    let files = 0;
    for (const name of names) {
      const path = inside('data', name);
      if (!(await stat(path)).isFile()) continue;
      files += 1;
      const bytes = await readFile(path);
      for (const text of [...clear, token]) {
        assert.ok(!bytes.includes(text), `${name} holds ${text}`);
      }
    }
    assert.ok(names.includes('manager/state.sqlite-wal') && files > 4);
  });

  test('a backup is one encrypted file for its owner, written while the cluster is written to', async () => {
    const writes = Promise.all(
      ['a', 'b', 'c', 'd'].map((name) => node.docker('network', 'create', '-d', 'overlay', name)),
    );
    const { code, stdout, stderr } = await node.tutti([
      'backup',
      '--json',
      ...phrase(),
      inside('cluster.backup'),
    ]);
    assert.equal(code, 0, stderr);
    await writes;
    header = JSON.parse(stdout) as typeof header;
    assert.equal(header.clusterId, original.cluster);
    const path = inside('cluster.backup');
    assert.equal((await stat(path)).mode % 0o1000, 0o600);
    const bytes = await readFile(path);
    assert.ok(!bytes.includes(secret) && !bytes.includes('shop_web'));
  });

  test('a machine that lost its data directory is the same cluster after a restore', async () => {
    const busy = await node.tutti([
      'restore',
      ...phrase(),
      '--data-dir',
      inside('data'),
      inside('cluster.backup'),
    ]);
    assert.match(busy.stderr, /another daemon already uses/);
    await node.daemon.stop();
    await rm(inside('data'), { recursive: true });
    const report = await restore('--data-dir', inside('data'));
    assert.equal(report.clusterId, original.cluster);
    assert.ok(report.revision > header.revision && report.epoch > header.epoch);
    await node.daemon.start();
    await node.untilStack('shop');
    const { networks, ...state } = await readState();
    const { networks: before_, ...was } = original;
    assert.deepEqual(state, was);
    for (const id of before_.split('\n')) assert.ok(networks.includes(id));
    assert.equal(await wordInContainer(), secret);
    assert.deepEqual(await runningContainers(), containers, 'no container was touched');
    assert.ok((await node.revision()) > header.revision);
  });

  test('a snapshot is made each day by itself', async () => {
    const { stdout } = await node.tutti(['backup', 'ls', '--json']);
    const [snapshot] = JSON.parse(stdout) as readonly SnapshotReport[];
    assert.equal(snapshot?.header?.why, 'daily');
    assert.equal(snapshot.header.clusterId, original.cluster);
  });

  test('restored as a new cluster it has the services, and nothing that the old one trusts', async () => {
    const tokens = await node.docker('swarm', 'join-token', '-q', 'worker');
    await node.docker('swarm', 'leave', '--force');
    await node.daemon.stop();
    await rm(inside('data'), { recursive: true });
    const report = await restore('--new-cluster', '--data-dir', inside('data'));
    assert.notEqual(report.clusterId, original.cluster);
    await node.daemon.start();
    await node.untilStack('shop');
    const state = await readState();
    assert.equal(state.cluster, report.clusterId);
    assert.notEqual(state.node, original.node);
    assert.equal(state.services, original.services);
    assert.equal(await wordInContainer(), secret);
    assert.notEqual(await node.docker('swarm', 'join-token', '-q', 'worker'), tokens);
  });
});
