import assert from 'node:assert/strict';
import { it } from 'node:test';
import { EtcdEngine } from '../src/os/etcd-engine.ts';
import { askPeer } from './etcd/ask-peer.ts';
import { PeerCertificates, readPeerFiles } from './etcd/peer-certificates.ts';
import { TestEtcd } from './etcd/test-etcd.ts';

it('members of etcd talk as managers alone; workers and strangers are refused', async () => {
  const certificates = await PeerCertificates.make();
  const strangers = await PeerCertificates.make();
  const tls = await certificates.issue('swarm-manager');
  const etcd = await TestEtcd.start(3, { tls });
  try {
    const engine = new EtcdEngine({ client: etcd.client() });
    assert.equal(await engine.takeEpoch(), 1);
    await engine.close();
    const url = etcd.members[0]?.plan.peerUrl ?? '';
    assert.match(url, /^https:/);
    const { ca, ...manager } = readPeerFiles(tls);
    assert.equal(await askPeer({ url, ca, ...manager }), 200);
    const worker = readPeerFiles(await certificates.issue('swarm-worker'));
    await assert.rejects(askPeer({ url, ...worker, ca }));
    const stranger = readPeerFiles(await strangers.issue('swarm-manager'));
    await assert.rejects(askPeer({ url, ...stranger, ca }));
    await assert.rejects(askPeer({ url, ca }));
  } finally {
    await etcd.stop();
    certificates.dispose();
    strangers.dispose();
  }
});
