import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RouteTable } from './route-table.ts';

const table = new RouteTable(
  (
    [
      ['GET', '/services'],
      ['POST', '/services/create'],
      ['GET', '/services/:id'],
      ['DELETE', '/services/:id'],
      ['GET', '/services/:id/logs'],
      ['GET', '/images/json'],
      ['GET', '/images/*name/json'],
      ['DELETE', '/images/*name'],
    ] as const
  ).map(([method, pattern]) => ({ method, pattern, handler: `${method} ${pattern}` })),
);

const found: readonly (readonly [string, string, string, Readonly<Record<string, string>>])[] = [
  ['GET', '/services', 'GET /services', {}],
  ['GET', '/services/', 'GET /services', {}],
  ['HEAD', '/services', 'GET /services', {}],
  ['GET', '/services/create', 'GET /services/:id', { id: 'create' }],
  ['POST', '/services/create', 'POST /services/create', {}],
  ['GET', '/services/web%2Fx', 'GET /services/:id', { id: 'web/x' }],
  ['GET', '/services/a/logs', 'GET /services/:id/logs', { id: 'a' }],
  ['GET', '/images/json', 'GET /images/json', {}],
  ['GET', '/images/a/json', 'GET /images/*name/json', { name: 'a' }],
  ['GET', '/images/host:5000/a/b/json', 'GET /images/*name/json', { name: 'host:5000/a/b' }],
  ['DELETE', '/images/a/b:1', 'DELETE /images/*name', { name: 'a/b:1' }],
];

for (const [method, path, handler, params] of found) {
  test(`${method} ${path} is ${handler}`, () => {
    const match = table.find(method, path);
    assert.deepEqual(match, { kind: 'found', handler, params });
  });
}

for (const path of ['/', '/nope', '/services/a/b', '/services//logs', '/services/%', '/images']) {
  test(`${path} is unknown`, () => {
    assert.equal(table.find('GET', path).kind, 'unknown');
  });
}

test('a known path with another method says which methods it takes', () => {
  assert.deepEqual(table.find('PUT', '/services/a'), {
    kind: 'wrong-method',
    allowed: ['GET', 'DELETE'],
  });
});
