import assert from 'node:assert/strict';
import { test } from 'node:test';
import type {
  ClusterExamination,
  DataPathObservation,
  ExaminedNode,
  NodeExamination,
  PathObservation,
} from '../model/network-examination.ts';
import type { NetworkFinding } from '../model/network-report.ts';
import { judgeNetwork } from './judge-network.ts';

const well: NodeExamination = {
  at: 1_000,
  linkMtu: 1_500,
  dataPath: { kind: 'not-asked' },
  ports: [],
  names: [],
  kernel: { differences: [], repairs: [], bridgeFilter: 'on' },
  dropPolicies: [],
};

function path(nodeId: string, over: Partial<PathObservation> = {}): PathObservation {
  return {
    nodeId,
    sent: 10,
    answered: 10,
    roundTripMs: 0.2,
    full: true,
    largestBytes: 1_500,
    ...over,
  };
}

function dataPath(
  paths: readonly PathObservation[],
  heard: readonly string[] = paths.map(({ nodeId }) => nodeId),
): DataPathObservation {
  return { kind: 'seen', fullBytes: 1_450, paths, heard };
}

function node(nodeId: string, over: Partial<NodeExamination> = {}): ExaminedNode {
  return {
    nodeId,
    hostname: nodeId,
    address: `192.0.2.${nodeId.codePointAt(0)}`,
    outcome: { kind: 'examined', examination: { ...well, ...over }, receivedAt: 1_010 },
  };
}

function cluster(...nodes: readonly ExaminedNode[]): ClusterExamination {
  return { scope: 'cluster', nodes, dataPathPort: 4_789, leftOut: [] };
}

function told(examination: ClusterExamination): readonly string[] {
  return judgeNetwork(examination).findings.map(
    ({ code, severity, subject }: NetworkFinding) => `${severity} ${code} ${subject}`,
  );
}

test('nothing is said of a network that is well', () => {
  const report = judgeNetwork(
    cluster(
      node('a', { dataPath: dataPath([path('b')]) }),
      node('b', { dataPath: dataPath([path('a')]) }),
    ),
  );
  assert.deepEqual(report.findings, []);
  assert.deepEqual(
    report.pairs.map(({ from, to }) => `${from} ${to}`),
    ['a b', 'b a'],
  );
});

function lostTo(nodeId: string): PathObservation {
  const { roundTripMs: _, largestBytes: __, ...rest } = path(nodeId, { answered: 0, full: false });
  return rest;
}

const cases: readonly (readonly [string, ClusterExamination, readonly string[]])[] = [
  [
    'a node that does not answer is named, and nothing is said of the ways to it',
    cluster(node('a', { dataPath: dataPath([lostTo('b')], []) }), {
      nodeId: 'b',
      hostname: 'b',
      address: '192.0.2.2',
      outcome: { kind: 'failed', message: 'it is down' },
    }),
    ['broken node-silent b'],
  ],
  [
    'a pair between which nothing passes is one finding',
    cluster(
      node('a', { dataPath: dataPath([lostTo('b')], []) }),
      node('b', { dataPath: dataPath([lostTo('a')], []) }),
    ),
    ['broken unreachable a → b'],
  ],
  [
    'where questions arrive and answers do not, the way back is named',
    cluster(
      node('a', { dataPath: dataPath([lostTo('b')], []) }),
      node('b', { dataPath: dataPath([lostTo('a')], ['a']) }),
    ),
    ['broken unreachable b → a'],
  ],
  [
    'a link that takes less in between',
    cluster(
      node('a', { dataPath: dataPath([path('b', { full: false, largestBytes: 1_280 })]) }),
      node('b', { dataPath: dataPath([path('a', { full: false, largestBytes: 1_280 })]) }),
    ),
    ['broken full-size-lost a → b'],
  ],
  [
    'packets that pass in pieces',
    cluster(
      node('a', { dataPath: dataPath([path('b', { largestBytes: 1_400 })]) }),
      node('b', { dataPath: dataPath([path('a')]) }),
    ),
    ['warning small-link a → b'],
  ],
  [
    'links of different sizes',
    cluster(node('a'), node('b', { linkMtu: 1_280 }), node('c', { linkMtu: 9_000 })),
    ['warning links-differ b'],
  ],
  ['links that are all larger than usual', cluster(node('a'), node('b', { linkMtu: 9_000 })), []],
  [
    'lost packets',
    cluster(
      node('a', { dataPath: dataPath([path('b', { answered: 8 })]) }),
      node('b', { dataPath: dataPath([path('a')]) }),
    ),
    ['warning packet-loss a → b'],
  ],
  [
    'a published port that does not answer is one finding for each node that has it',
    cluster(
      ...['a', 'b'].map((id) =>
        node(id, {
          ports: [
            { nodeId: 'a', port: 80, service: 'web', outcome: 'taken' },
            { nodeId: 'b', port: 80, service: 'web', outcome: 'silent' },
          ],
        }),
      ),
    ),
    ['broken port-unreachable b'],
  ],
  [
    'a name without an address, and one that nobody answers',
    cluster(
      node('a', {
        names: [
          { kind: 'answered' as const, addresses: [], tookMs: 1 },
          { kind: 'silent' as const },
          { kind: 'answered' as const, addresses: ['10.0.1.2'], tookMs: 1 },
        ].map((outcome) => ({
          network: 'net',
          task: 'web.1',
          name: 'web',
          server: '10.0.1.1',
          outcome,
        })),
      }),
    ),
    ['broken name-unanswered a', 'broken name-unanswered a'],
  ],
  [
    'what was repaired comes after what is broken',
    cluster(
      node('a', {
        kernel: { differences: ['the table is gone'], repairs: [], bridgeFilter: 'off' },
      }),
      node('b', { kernel: { ...well.kernel, failure: 'nft failed' } }),
    ),
    ['broken kernel-drift b', 'repaired bridge-filter a', 'repaired kernel-repaired a'],
  ],
  [
    'a repair of before is told',
    cluster(
      node('a', { kernel: { ...well.kernel, repairs: [{ what: 'a bridge', agoMs: 5_000 }] } }),
    ),
    ['repaired kernel-repaired a'],
  ],
  [
    'a kernel without its module',
    cluster(node('a', { kernel: { ...well.kernel, bridgeFilter: 'missing' } })),
    ['broken bridge-filter a'],
  ],
  [
    'a firewall that drops in a table of its own; the engine’s own policy is no news',
    cluster(
      node('a', {
        dropPolicies: [
          { table: 'inet firewall', chain: 'forward', hook: 'forward' },
          { table: 'ip filter', chain: 'FORWARD', hook: 'forward' },
        ],
      }),
    ),
    ['warning drop-policy a'],
  ],
  [
    'a clock that is wrong, either way',
    cluster(node('a', { at: 3_000 }), node('b', { at: -900 })),
    ['warning clock-skew a', 'warning clock-skew b'],
  ],
  [
    'a kernel without VXLAN',
    cluster(node('a', { dataPath: { kind: 'failed', message: 'Operation not supported' } })),
    ['broken data-path a'],
  ],
  ['what was left out', { ...cluster(), leftOut: ['2 nodes'] }, ['warning left-out the cluster']],
];

for (const [what, examination, expected] of cases) {
  test(what, () => assert.deepEqual(told(examination), expected));
}

function hintOf(examination: ClusterExamination): string {
  return judgeNetwork(examination).findings[0]?.hint ?? '';
}

test('a hint names the option for the size that was found', () => {
  const small = path('b', { full: false, largestBytes: 1_280 });
  const examination = cluster(
    node('a', { dataPath: dataPath([small]) }),
    node('b', { dataPath: dataPath([path('a')]), linkMtu: 1_280 }),
  );
  assert.match(hintOf(examination), /--opt com\.docker\.network\.driver\.mtu=1230/);
  const [first] = judgeNetwork(examination).findings;
  assert.match(first?.message ?? '', /the link of b takes no more/);
});

test('a hint names the chain that drops, and the command that opens it', () => {
  const cut = (policy: NodeExamination['dropPolicies'][number]) =>
    cluster(
      node('a', { dataPath: dataPath([lostTo('b')], []) }),
      node('b', { dataPath: dataPath([lostTo('a')], []), dropPolicies: [policy] }),
    );
  const table = { table: 'ip filter', chain: 'INPUT', hook: 'input' } as const;
  assert.match(hintOf(cut(table)), /iptables -I INPUT -p udp --dport 4789 -s 192\.0\.2\.97/);
  const other = { table: 'inet firewall', chain: 'in', hook: 'input' } as const;
  assert.match(hintOf(cut(other)), /nft insert rule inet firewall in ip saddr 192\.0\.2\.97/);
});
