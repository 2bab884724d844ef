import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatHostPorts, hostPortsLabel, hostPortsOf } from './host-ports.ts';

test('a label says which ports of the node lead to a container', () => {
  const ports = [
    { protocol: 'tcp', targetPort: 80, publishedPort: 8080 },
    { protocol: 'udp', targetPort: 53, publishedPort: 5353 },
  ] as const;
  assert.equal(formatHostPorts(ports), '8080:80/tcp 5353:53/udp');
  assert.deepEqual(hostPortsOf({ [hostPortsLabel]: formatHostPorts(ports) }), ports);
});

test('without the label, and where it says something else, there are no ports', () => {
  for (const text of [
    '',
    'x',
    '80',
    '80:/tcp',
    ':80/tcp',
    '8080:80',
    '8080:80/icmp',
    '-1:80/tcp',
  ]) {
    assert.deepEqual(hostPortsOf({ [hostPortsLabel]: text }), [], text);
  }
  assert.deepEqual(hostPortsOf({}), []);
});
