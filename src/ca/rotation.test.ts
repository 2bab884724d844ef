import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Root } from '../model/root.ts';
import {
  crossChain,
  finishRotation,
  isRotating,
  rotationProgress,
  signingRoot,
  startRotation,
  trustedRoots,
} from './rotation.ts';

function root(number: number): Root {
  return {
    id: `r${number}`,
    createdAt: number,
    stage: 'signing',
    certificate: `certificate ${number}`,
    subject: '',
    publicKey: '',
    sealedKey: `sealed ${number}`,
    ...(number === 1 ? {} : { crossCertificate: `${number} by ${number - 1}` }),
  };
}

const ids = (roots: readonly Root[]): readonly string[] => roots.map(({ id }) => id);

test('both roots are trusted during a rotation, and the new one signs', () => {
  const during = startRotation([root(1)], root(2));
  assert.equal(signingRoot(during)?.id, 'r2');
  assert.deepEqual(ids(trustedRoots(during)), ['r2', 'r1']);
  assert.ok(isRotating(during));
  assert.throws(() => startRotation(during, root(3)), /under way already/);
});

test('afterwards only the new one is trusted, and the key of the old one is gone', () => {
  const after = finishRotation(startRotation([root(1)], root(2)));
  assert.deepEqual(ids(trustedRoots(after)), ['r2']);
  assert.equal(isRotating(after), false);
  const old = after.find(({ id }) => id === 'r1');
  assert.equal(old?.stage, 'retired');
  assert.ok(old !== undefined && !('sealedKey' in old));
});

test('a node that is down holds no rotation up, one that is there does', () => {
  const during = startRotation([root(1)], root(2));
  const renewed = { nodeId: 'a', ready: true, rootId: 'r2' };
  const slow = { nodeId: 'b', ready: true, rootId: 'r1' };
  const down = { nodeId: 'c', ready: false, rootId: 'r1' };
  assert.deepEqual(rotationProgress(during, [renewed, slow, down]), {
    waitingFor: ['b'],
    absent: ['c'],
    canFinish: false,
  });
  assert.deepEqual(rotationProgress(during, [renewed, { ...slow, rootId: 'r2' }, down]), {
    waitingFor: [],
    absent: ['c'],
    canFinish: true,
  });
  assert.equal(rotationProgress([root(1)], []).canFinish, false);
});

test('a node that slept through rotations finds a way from its root; the oldest are forgotten', () => {
  let roots: readonly Root[] = [root(1)];
  for (let number = 2; number <= 7; number += 1) {
    roots = finishRotation(startRotation(roots, root(number)));
  }
  assert.deepEqual(ids(roots), ['r3', 'r4', 'r5', 'r6', 'r7']);
  assert.deepEqual(crossChain(roots), ['7 by 6', '6 by 5', '5 by 4', '4 by 3', '3 by 2']);
  assert.deepEqual(ids(trustedRoots(roots)), ['r7']);
});

test('a cluster without a root trusts nobody', () => {
  assert.equal(signingRoot([]), undefined);
  assert.deepEqual(trustedRoots([]), []);
  assert.deepEqual(crossChain([]), []);
});
