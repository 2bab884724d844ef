import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { rootIdOf } from '../src/ca/join-token.ts';
import { runApart } from './fixture/run-apart.ts';
import { TestNode } from './fixture/test-node.ts';

/* A cluster's authority as the docker command sees it, with real processes. */

const engineSocket = process.env['TUTTI_TEST_ENGINE'] ?? '';

let node: TestNode;
let root: string;

before(async () => {
  node = await TestNode.start({ engineSocket });
  await node.docker('swarm', 'init', '--advertise-addr', '127.0.0.1');
  root = `${await node.docker('swarm', 'ca')}\n`;
});
after(async () => node[Symbol.asyncDispose]());

const keyPath = (): string => join(node.directory, 'data', 'manager', 'sealing.key');

/** Command lines of the processes that make certificates for this node's manager. */
function certificateMakers(): readonly string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
        const status = readFileSync(`/proc/${pid}/status`, 'utf8');
        const parent = /^PPid:\s*(\d+)$/m.exec(status)?.[1] ?? '';
        const ofOurs = readFileSync(`/proc/${parent}/cmdline`, 'utf8').includes(node.directory);
        return line.includes('make-certificates') && ofOurs ? [line] : [];
      } catch {
        // It has ended meanwhile.
        return [];
      }
    });
}

test('docker swarm ca prints a root that openssl believes', async () => {
  const path = join(node.directory, 'root.pem');
  writeFileSync(path, root);
  const alone = ['-no-CApath', '-no-CAstore', '-CAfile', path];
  const { code, stderr } = await runApart('openssl', ['verify', '-x509_strict', ...alone, path]);
  assert.equal(code, 0, stderr);
  const { stdout } = await runApart('openssl', ['x509', '-noout', '-subject'], { input: root });
  assert.equal(stdout.trim(), 'subject=CN = swarm-ca');
});

test('both join tokens pin what docker swarm ca prints, also after one was rotated', async () => {
  const digest = rootIdOf(createHash('sha256').update(root).digest());
  const worker = await node.docker('swarm', 'join-token', '-q', 'worker');
  const manager = await node.docker('swarm', 'join-token', '-q', 'manager');
  const rotated = await node.docker('swarm', 'join-token', '--rotate', '-q', 'worker');
  for (const token of [worker, manager, rotated]) assert.equal(token.split('-')[2], digest);
  assert.equal(new Set([worker, manager, rotated]).size, 3);
});

test('docker shows the same authority for the cluster and for the node', async () => {
  const ofNode = await node.docker('node', 'inspect', 'self', '--format', '{{json .Description}}');
  const ofCluster = await node.docker('info', '--format', '{{json .Swarm.Cluster}}');
  const { TLSInfo: shown } = JSON.parse(ofNode) as { readonly TLSInfo: object };
  assert.deepEqual((JSON.parse(ofCluster) as { readonly TLSInfo: object }).TLSInfo, shown);
  const { stdout: key } = await runApart('openssl', ['x509', '-noout', '-pubkey'], {
    input: root,
  });
  assert.deepEqual(shown, {
    TrustRoot: root,
    CertIssuerSubject: 'MBMxETAPBgNVBAMTCHN3YXJtLWNh',
    CertIssuerPublicKey: key.replaceAll(/-----.*-----|\s/g, ''),
  });
});

test('no file holds the key of the root in the clear, and only root reads the sealing key', () => {
  assert.equal(statSync(keyPath()).mode % 0o1000, 0o600);
  const directory = join(node.directory, 'data', 'manager');
  let sealed = 0;
  for (const name of readdirSync(directory)) {
    const text = readFileSync(join(directory, name), 'latin1');
    assert.ok(!/PRIVATE KEY|MIGHAgEA/.test(text), name);
    if (text.includes('sealed-1.')) sealed += 1;
  }
  assert.ok(sealed > 0, 'the sealed key is nowhere: this test looks in the wrong place');
});

test('the process that makes certificates is gone once it is not needed', {
  timeout: 30_000,
}, async () => {
  while (certificateMakers().length > 0) await delay(50);
});

test('leaving takes the keys along, and the next cluster has others', async () => {
  await node.docker('swarm', 'leave', '--force');
  assert.throws(() => statSync(keyPath()), { code: 'ENOENT' });
  await node.docker('swarm', 'init', '--advertise-addr', '127.0.0.1');
  assert.notEqual(`${await node.docker('swarm', 'ca')}\n`, root);
});
