import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TuttiError } from '../lib/error.ts';
import { meetsConstraint, parseConstraint, unmetConstraint } from './constraint.ts';
import type { Node } from './node.ts';
import { runsPlatform } from './platform.ts';

const node: Node = {
  id: 'NodeOne',
  version: 1,
  createdAt: 0,
  updatedAt: 0,
  spec: { role: 'manager', availability: 'active', labels: { zone: 'A', Disk: 'ssd', empty: '' } },
  description: {
    hostname: 'db-host.example',
    os: 'linux',
    architecture: 'x86_64',
    nanoCpus: 1,
    memoryBytes: 1,
    engineVersion: '28',
    engineLabels: { operatingsystem: 'ubuntu 14.04' },
    plugins: [],
    hostSubnets: [],
    address: '10.1.2.3',
  },
};

const parsed: readonly (readonly [
  expression: string,
  key: string,
  operator: string,
  value: string,
])[] = [
  ['node.name == manager', 'node.name', '==', 'manager'],
  ['node.role==worker', 'node.role', '==', 'worker'],
  ['  node.labels.zone  !=  b  ', 'node.labels.zone', '!=', 'b'],
  ['engine.labels.os == ubuntu 14.04', 'engine.labels.os', '==', 'ubuntu 14.04'],
  ['node.name!=a-b_c:d', 'node.name', '!=', 'a-b_c:d'],
  ['node.labels.path==/dev/(a|b)*', 'node.labels.path', '==', '/dev/(a|b)*'],
  ['_x==1', '_x', '==', '1'],
];

for (const [expression, key, operator, value] of parsed) {
  test(`"${expression}" compares ${key}`, () => {
    assert.deepEqual(parseConstraint(expression), { expression, key, operator, value });
  });
}

/** With what the error has to say. */
const malformed: readonly (readonly [expression: string, why: RegExp])[] = [
  ['', /no operator/],
  ['node.name', /no operator/],
  ['node.name=manager', /no operator/],
  ['node.name>manager', /no operator/],
  ['== manager', /the key ""/],
  ['a==b', /the key "a"/],
  ['1node==a', /the key "1node"/],
  ['no/slash==a', /the key "no\/slash"/],
  ['node.name==', /value is missing/],
  ['node.name!=   ', /value is missing/],
  ['node.name==a=b', /the value "a=b"/],
  ['node.name==a==b', /the value "a==b"/],
  ['node.name==a,b', /the value "a,b"/],
  ['node.name==a;rm -rf', /the value/],
];

for (const [expression, why] of malformed) {
  test(`"${expression}" is refused by name`, () => {
    assert.throws(
      () => parseConstraint(expression),
      (error) =>
        error instanceof TuttiError &&
        error.code === 'invalid-argument' &&
        error.message.includes(`"${expression}"`) &&
        why.test(error.message) &&
        error.hint !== undefined,
    );
  });
}

const matches: readonly (readonly [expression: string, meets: boolean])[] = [
  ['node.id==NodeOne', true],
  ['node.id==nodeone', true],
  ['node.id!=NodeOne', false],
  ['NODE.HOSTNAME==DB-HOST.example', true],
  ['node.hostname==db-host', false],
  ['node.role==manager', true],
  ['node.role!=worker', true],
  ['node.platform.os==linux', true],
  ['node.platform.arch==x86_64', true],
  ['node.platform.arch==amd64', false],
  ['node.labels.zone==a', true],
  ['node.labels.ZONE==a', false],
  ['node.labels.Disk==ssd', true],
  ['node.labels.disk==ssd', false],
  ['node.labels.missing==x', false],
  ['node.labels.missing!=x', true],
  ['node.labels.empty!=x', true],
  ['engine.labels.operatingsystem==Ubuntu 14.04', true],
  ['engine.labels.operatingsystem==ubuntu', false],
  ['node.ip==10.1.2.3', true],
  ['node.ip==10.1.2.4', false],
  ['node.ip!=10.1.2.4', true],
  ['node.ip==10.1.0.0/16', true],
  ['node.ip!=10.1.0.0/16', false],
  ['node.ip==10.2.0.0/16', false],
  ['node.ip==no.address', false],
  ['node.ip!=no.address', false],
  ['node.unknown==x', false],
  ['node.unknown!=x', false],
  ['node.labels.==x', false],
];

for (const [expression, meets] of matches) {
  test(`${expression} ${meets ? 'allows' : 'refuses'} the node`, () => {
    assert.equal(meetsConstraint(node, parseConstraint(expression)), meets);
  });
}

test('all constraints must hold, and the first that does not is named', () => {
  assert.equal(unmetConstraint(node, ['node.role==manager', 'node.labels.zone==a']), undefined);
  assert.equal(
    unmetConstraint(node, ['node.role==manager', 'node.labels.zone==b', 'node.id==x']),
    'node.labels.zone==b',
  );
});

const platforms: readonly (readonly [os: string, architecture: string, runs: boolean])[] = [
  ['linux', 'amd64', true],
  ['linux', 'x86_64', true],
  ['Linux', '', true],
  ['', 'amd64', true],
  ['', '', true],
  ['linux', 'arm64', false],
  ['windows', 'amd64', false],
];

for (const [os, architecture, runs] of platforms) {
  test(`an image for "${os}/${architecture}" ${runs ? 'runs' : 'does not run'} on linux/x86_64`, () => {
    assert.equal(runsPlatform(node.description, [{ os, architecture }]), runs);
  });
}

test('of several platforms one is enough, and none at all means any', () => {
  const other = { os: 'windows', architecture: 'amd64' };
  assert.equal(runsPlatform(node.description, [other, { os: 'linux' }]), true);
  assert.equal(runsPlatform(node.description, []), true);
});
