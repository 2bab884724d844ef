import assert from 'node:assert/strict';
import { test } from 'node:test';
import { resolvConf } from './resolv-conf.ts';

const none = { nameservers: [], search: [], options: [] };

test('a task asks its gateway, with the machine’s search domains or its own', () => {
  const table: readonly (readonly [Partial<typeof none> | object, string])[] = [
    [{}, 'nameserver 10.0.1.1\nsearch here.test\noptions ndots:0\n'],
    [
      { search: ['a.test', 'b.test'] },
      'nameserver 10.0.1.1\nsearch a.test b.test\noptions ndots:0\n',
    ],
    [{ search: ['.'] }, 'nameserver 10.0.1.1\noptions ndots:0\n'],
    [{ options: ['ndots:2'] }, 'nameserver 10.0.1.1\nsearch here.test\noptions ndots:2\n'],
    // The gateway asks 192.0.2.1 for the task; nobody but the task can ask its own loopback.
    [
      { nameservers: ['192.0.2.1', '127.0.0.1'] },
      'nameserver 10.0.1.1\nnameserver 127.0.0.1\nsearch here.test\noptions ndots:0\n',
    ],
  ];
  for (const [dns, expected] of table) {
    const made = resolvConf({
      gateway: '10.0.1.1',
      dns: { ...none, ...dns },
      searchDomains: ['here.test'],
    });
    assert.equal(made, expected);
  }
});
