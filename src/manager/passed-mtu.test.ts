import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ExaminedNode } from '../model/network-examination.ts';
import { passedMtu } from './passed-mtu.ts';

type Sizes = Readonly<Record<string, number | undefined>>;

/** A node that found the largest packet that passes to others; undefined: nothing passes. */
function node(nodeId: string, sizes: Sizes, linkMtu = 1_500): ExaminedNode {
  const paths = Object.entries(sizes).map(([other, largestBytes]) => ({
    nodeId: other,
    sent: 10,
    answered: 10,
    full: true,
    ...(largestBytes !== undefined && { largestBytes }),
  }));
  const examination = {
    at: 1,
    linkMtu,
    dataPath: { kind: 'seen', fullBytes: 1_450, paths, heard: [] },
    ports: [],
    names: [],
    kernel: { differences: [], repairs: [], bridgeFilter: 'on' },
    dropPolicies: [],
  } as const;
  return {
    nodeId,
    hostname: nodeId,
    address: '192.0.2.1',
    outcome: { kind: 'examined', examination, receivedAt: 1 },
  };
}

function silent(nodeId: string): ExaminedNode {
  const outcome = { kind: 'failed', message: 'it is down' } as const;
  return { nodeId, hostname: nodeId, address: '192.0.2.9', outcome };
}

const wide = [node('a', { b: 1_500 }), node('b', { a: 1_500 })];
const narrow = [node('a', { b: 1_280 }), node('b', { a: 1_400 })];

for (const [what, nodes, before, wanted] of [
  ['nothing, where full packets pass', wide, undefined, undefined],
  ['the smallest, where a link in between takes less', narrow, undefined, 1_280],
  ['what passes by now, where every pair was looked at', narrow, 1_000, 1_280],
  ['nothing any more, once full packets pass between all', wide, 1_280, undefined],
  [
    'nothing, where a link itself says that it takes no more',
    [node('a', { b: 1_280 }, 1_280), node('b', { a: 1_280 })],
    undefined,
    undefined,
  ],
  [
    'nothing, where links are larger than anybody needs',
    [node('a', { b: 4_000 }, 9_000), node('b', { a: 4_000 }, 9_000)],
    undefined,
    undefined,
  ],
  [
    'what was found, while the node behind a small link is down',
    [node('a', {}), silent('b')],
    1_280,
    1_280,
  ],
  [
    'what was found, while nothing passes',
    [node('a', { b: undefined }), node('b', { a: undefined })],
    1_280,
    1_280,
  ],
  ['less, whoever else is down', [...narrow, silent('c')], 1_400, 1_280],
  ['nothing of a node that is alone', [node('a', {})], 1_280, undefined],
] as const) {
  test(`what passes between nodes: ${what}`, () => {
    assert.equal(passedMtu({ nodes }, { before, nodeCount: nodes.length }), wanted);
  });
}
