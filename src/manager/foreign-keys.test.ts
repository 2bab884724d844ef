import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NodeEncryption } from '../model/encryption.ts';
import type { NodeDescription } from '../model/node.ts';
import { withoutForeignKeys } from './foreign-keys.ts';

const able = (publicKey: string, nextPublicKey?: string): NodeEncryption => ({
  kind: 'able',
  publicKey,
  port: 7_946,
  ...(nextPublicKey !== undefined && { nextPublicKey }),
});

const described = (hostname: string, encryption?: NodeEncryption): NodeDescription =>
  ({ hostname, ...(encryption !== undefined && { encryption }) }) as never;

const rows = [
  { id: 'n1', description: described('one', able('a=', 'b=')) },
  { id: 'n2', description: described('two') },
  { id: 'n3', description: described('three', { kind: 'unable', message: 'no' }) },
];
const view = { nodes: { all: () => rows } } as never;

test('a node may say its own keys and new ones', () => {
  for (const encryption of [able('a=', 'c='), able('b='), able('d='), undefined]) {
    const description = described('one', encryption);
    assert.equal(withoutForeignKeys(view, { nodeId: 'n1', description }), description);
  }
});

test('a key that another node has, or will have, is not believed', () => {
  for (const encryption of [able('a='), able('d=', 'a='), able('b='), able('d=', 'b=')]) {
    const description = described('two', encryption);
    const believed = withoutForeignKeys(view, { nodeId: 'n2', description });
    const message = 'it says that its key is the one of node one';
    assert.deepEqual(believed, described('two', { kind: 'unable', message }));
  }
});
