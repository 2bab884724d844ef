import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { onOwnHost } from './fixture/on-own-host.ts';
import { bridge, device, gateway, type SpanHost, startHosts } from './spans/host.ts';

const megabyte = 1_000_000;

/* Real packets between two hosts, with what is rendered for the kernel and nothing else. */
onOwnHost(import.meta.filename, () => {
  let one: SpanHost;
  let other: SpanHost;
  before(async () => {
    [one, other] = await startHosts();
    await one.show(one.span(other));
    await other.show(other.span(one));
  });
  after(async () => {
    await one[Symbol.asyncDispose]();
    await other[Symbol.asyncDispose]();
  });

  test('containers on different hosts talk, with packets of full size', async () => {
    assert.equal(await one.push(other.container, 100 * megabyte), 100 * megabyte);
    assert.equal(await other.push(one.container, megabyte), megabyte);
  });

  test('by IPv6 they talk, too, and the bridge says where the other is', async () => {
    assert.equal(await one.push(other.ipv6, megabyte), megabyte);
    assert.equal(await other.push(one.ipv6, megabyte), megabyte);
    assert.ok(Number.isNaN(await one.push('fd00:9::99', 1)));
  });

  test('what the kernel lists of what was made is no drift', async () => {
    assert.deepEqual([await one.recheck(), await other.recheck()], [0, 0]);
  });

  test('nobody asks another host who has an address, and nothing unknown goes there', async () => {
    const before = await one.sent();
    // One that nobody has, and one that each host has.
    assert.ok(Number.isNaN(await one.push('10.0.9.99', 1)));
    assert.ok(Number.isNaN(await one.push('fd00:9::99', 1)));
    await one.push(gateway, 1);
    assert.equal(await one.sent(), before);
    await one.push(other.container, 1);
    assert.ok((await one.sent()) > before);
  });

  test('a container that is wanted elsewhere no more is reached no more', async () => {
    await one.show(one.span(other, ['10.0.9.77']));
    assert.ok(Number.isNaN(await one.push(other.container, 1)));
    assert.ok(Number.isNaN(await one.push(other.ipv6, 1)));
    await one.show(one.span(other));
    assert.equal(await one.push(other.container, 1), 1);
  });

  const harms: readonly (readonly [string, () => Promise<unknown>])[] = [
    ['a deleted device', () => one.ip('link', 'delete', device)],
    ['a device that lost its bridge', () => one.ip('link', 'set', device, 'nomaster')],
    ['a device that is down', () => one.ip('link', 'set', device, 'down')],
    ['flooding', () => one.bridge('link', 'set', 'dev', device, 'flood', 'on')],
    ['forgotten neighbours', () => one.ip('neighbour', 'flush', 'dev', bridge, 'nud', 'permanent')],
    [
      'an entry that leads elsewhere',
      async () => {
        const entry = ['02:42:0a:00:09:0c', 'dev', device, 'dst', '192.168.88.9'];
        await one.bridge('fdb', 'replace', ...entry, 'self', 'permanent');
      },
    ],
  ];
  for (const [what, harm] of harms) {
    test(`${what} is noticed and repaired`, async () => {
      const before = await one.recheck();
      await harm();
      assert.equal(await one.recheck(), before + 1);
      assert.equal(await one.recheck(), before + 1);
      assert.equal(await one.push(other.container, megabyte), megabyte);
      assert.equal(await one.push(other.ipv6, megabyte), megabyte);
    });
  }

  test('nothing is left', async () => {
    await one.remove();
    assert.equal(await one.ip('link', 'show', 'type', 'vxlan'), '');
    assert.equal(await one.ip('neighbour', 'show', 'nud', 'permanent', 'dev', bridge), '');
    assert.ok(Number.isNaN(await one.push(other.container, 1)));
  });
});
