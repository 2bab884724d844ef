import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Root } from '../model/root.ts';
import { isRootRotating, showTls } from './lens-tls.ts';

const root = (id: string, stage: Root['stage']): Root => ({
  id,
  createdAt: 0,
  stage,
  certificate: `certificate of ${id}`,
  subject: `subject of ${id}`,
  publicKey: `key of ${id}`,
  sealedKey: `secret of ${id}`,
});

test('the root that signs is shown, without its secret', () => {
  const shown = showTls([root('old', 'trusted'), root('new', 'signing'), root('past', 'retired')]);
  assert.deepEqual(shown, {
    TrustRoot: 'certificate of new',
    CertIssuerSubject: 'subject of new',
    CertIssuerPublicKey: 'key of new',
  });
});

test('a rotation is under way while an older root counts', () => {
  assert.equal(isRootRotating([root('a', 'signing'), root('b', 'retired')]), false);
  assert.equal(isRootRotating([root('a', 'signing'), root('b', 'trusted')]), true);
});

test('a cluster without a root shows none', () => {
  assert.deepEqual(showTls([]), {});
  assert.equal(isRootRotating([]), false);
});
