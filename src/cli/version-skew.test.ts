import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeSkew } from './version-skew.ts';

test('nodes with different versions are named, those that say none among them', () => {
  const same = [
    { hostname: 'a', version: '1.0.0' },
    { hostname: 'b', version: '1.0.0' },
  ];
  assert.equal(describeSkew(same), undefined);
  assert.equal(describeSkew([]), undefined);
  assert.equal(
    describeSkew([...same, { hostname: 'c', version: '1.1.0' }, { hostname: 'd' }]),
    'the nodes run different versions of Tutti: 1.0.0 on a, b; 1.1.0 on c; an older version on d; ' +
      'bring all of them to the newest one (docs/operations.md, Upgrading)',
  );
});
