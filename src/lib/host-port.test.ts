import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatHostPort, parseHostPort } from './host-port.ts';

const good: readonly (readonly [string, string, number])[] = [
  ['192.0.2.1', '192.0.2.1', 2377],
  ['192.0.2.1:4000', '192.0.2.1', 4000],
  ['eth0:2377', 'eth0', 2377],
  [':2378', '', 2378],
  ['', '', 2377],
  ['manager.example.org', 'manager.example.org', 2377],
  ['[2001:db8::1]:2377', '2001:db8::1', 2377],
  ['[2001:db8::1]', '2001:db8::1', 2377],
  ['2001:db8::1', '2001:db8::1', 2377],
  ['::', '::', 2377],
];

for (const [text, host, port] of good) {
  test(`an address: ${JSON.stringify(text)}`, () => {
    assert.deepEqual(parseHostPort(text), { host, port });
  });
}

for (const text of ['a:b', '192.0.2.1:0', '192.0.2.1:65536', 'http://a', 'a b', '[::1', 'a:1:2']) {
  test(`no address: ${JSON.stringify(text)}`, () => assert.equal(parseHostPort(text), undefined));
}

test('an address is written as it is read', () => {
  for (const text of ['192.0.2.1:2377', '[2001:db8::1]:4000']) {
    const parsed = parseHostPort(text);
    assert.ok(parsed);
    assert.equal(formatHostPort(parsed), text);
  }
});
