import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { onOwnHost } from './fixture/on-own-host.ts';
import {
  addresses,
  bridge,
  device,
  far,
  MeshSite,
  secondAddress,
  secondTaskAddress,
  taskAddress,
} from './mesh/site.ts';
import { until } from './network/stack.ts';

const { asked, home, near, other } = addresses;
const fiveMegabytes = 5_000_000;
/** Larger than any packet. */
const largeDatagram = 5_000;

/* Real packets between callers, nodes and a task, with what is rendered for the kernel and no more. */
onOwnHost(import.meta.filename, () => {
  let site: MeshSite;
  before(async () => {
    site = await MeshSite.start();
  });
  after(async () => await site[Symbol.asyncDispose]());

  test('a task sees its caller’s own address, whichever node was asked', async () => {
    for (const node of [home, asked, other]) assert.equal(await site.ask('near', node), near, node);
    assert.equal(await site.ask('far', far.gateway), far.address);
    for (const size of [10, largeDatagram]) {
      assert.equal(await site.send('near', asked, size), `${near} ${size}`);
      assert.equal(await site.send('far', far.gateway, size), `${far.address} ${size}`);
    }
  });

  test('packets of every size find their way, also over a narrow link', async () => {
    assert.equal(await site.push('near', asked, fiveMegabytes), fiveMegabytes);
    assert.equal(await site.push('far', far.gateway, fiveMegabytes), fiveMegabytes);
  });

  test('a caller may use one port to several nodes at once', async () => {
    const nodes = [asked, other, home];
    const held = nodes.map((node) => site.hold('near', node, 40_000));
    const seen = await Promise.all(held.map(async (one) => await one.hear()));
    assert.deepEqual(
      seen.map((line) => line.split(' ')[0]),
      nodes.map(() => near),
    );
    assert.equal(new Set(seen).size, nodes.length, 'the task tells them apart');
    const again = await Promise.all(held.map(async (one) => await one.tell('')));
    assert.deepEqual(again, seen);
    for (const one of held) await one[Symbol.asyncDispose]();
  });

  test('nodes themselves, and their tasks, are answered by whom they ask', async () => {
    for (const from of ['home', 'other', 'asked', 'task'] as const) {
      assert.equal(await site.ask(from, asked), asked, from);
    }
    assert.equal(await site.ask('asked', '127.0.0.1'), asked);
    await site.run('home', 'ip', 'route', 'add', far.gateway, 'via', asked, 'src', secondAddress);
    assert.equal(await site.ask('home', far.gateway), asked, 'by another one of its addresses');
  });

  test('nobody comes to a task of another node but by its published port', async () => {
    // Nothing depends on what a container engine lets through.
    await site.run('asked', 'iptables', '-w', '-P', 'FORWARD', 'ACCEPT');
    assert.equal(await site.ask('far', taskAddress, '80'), 'nobody');
    const through = ['ip', 'route', 'add', taskAddress, 'via', asked];
    await site.run('near', ...through);
    assert.equal(await site.ask('near', taskAddress, '80'), 'nobody');
    await site.run('near', 'ip', 'route', 'delete', taskAddress);
    await site.run('asked', 'iptables', '-w', '-P', 'FORWARD', 'DROP');
  });

  test('who was led to a node is not led on by it to another one', async () => {
    const counting = ['table', 'ip', 'test'];
    const chain = '{ chain out { type filter hook postrouting priority 0; }; }';
    await site.run('home', 'nft', `add ${counting.join(' ')} ${chain}`);
    const led = `oifname "${device}" ct direction original counter`;
    await site.run('home', 'nft', `add rule ip test out ${led}`);
    // As where this node took the task for another one's.
    await site.run(
      'home',
      'ip',
      'route',
      'add',
      taskAddress,
      'via',
      other,
      'dev',
      device,
      'onlink',
    );
    assert.equal(await site.ask('near', asked), 'nobody');
    assert.match(await site.run('home', 'nft', 'list', ...counting), /counter packets 0 /);
    await site.run('home', 'ip', 'route', 'delete', taskAddress);
    await site.run('home', 'nft', 'delete', ...counting);
    assert.equal(await site.ask('near', asked), near);
  });

  test('the mark by which a reply finds its way back does not leave with it', async () => {
    const counting = ['table', 'ip', 'test'];
    const chain = '{ chain out { type filter hook output priority 0; }; }';
    await site.run('home', 'nft', `add ${counting.join(' ')} ${chain}`);
    const frames = 'add rule ip test out udp dport 4789';
    await site.run('home', 'nft', `${frames} meta mark != 0 counter drop`);
    await site.run('home', 'nft', `${frames} counter`);
    assert.equal(await site.ask('near', asked), near);
    const [marked, others] = (await site.run('home', 'nft', 'list', ...counting))
      .matchAll(/counter packets (\d+) /g)
      .map(([, count]) => Number(count));
    assert.equal(marked, 0);
    assert.ok(Number(others) > 0, 'replies left in frames');
    await site.run('home', 'nft', 'delete', ...counting);
  });

  test('a connection outlives the daemons of both nodes', async () => {
    const held = site.hold('near', asked, 40_001);
    const seen = await held.hear();
    await site.restart('home');
    await site.restart('asked');
    assert.equal(await held.tell(''), seen);
    await held[Symbol.asyncDispose]();
  });

  test('while one of the nodes has an older program, callers are led on as by that', async () => {
    for (const old of ['home', 'asked'] as const) {
      await site.show({ old: [old] });
      assert.equal(await site.ask('near', asked), asked, old);
    }
    await site.show({ old: ['other'] });
    assert.equal(await site.ask('near', asked), near, 'it has no part in this');
    assert.equal(await site.ask('near', other), other);
    await site.show();
    assert.equal(await site.ask('near', other), near);
  });

  test('by a node whose daemon is away for long callers come as before, and nothing else does', async () => {
    await site.show({ down: ['asked'] });
    assert.equal(await site.ask('near', asked), near);
    assert.equal(await site.send('near', asked, largeDatagram), `${near} ${largeDatagram}`);
    const found = await Promise.all([site.recheck('home'), site.recheck('other')]);
    await site.show({ down: ['asked', 'other'] });
    assert.equal(await site.ask('near', asked), near, 'also where no other node is left');
    await site.show();
    assert.equal(await site.ask('near', asked), near);
    assert.deepEqual(found, [0, 0], 'what the kernel lists is what was made');
  });

  test('who was led on already by an older program is not led on again', async () => {
    await site.show({ old: ['home'] });
    const table = ['table', 'ip', 'test'];
    const chain = '{ chain out { type filter hook output priority 0; ip dscp set 0x2d; }; }';
    await site.run('near', 'nft', `add ${table.join(' ')} ${chain}`);
    assert.equal(await site.ask('near', asked), 'nobody');
    await site.run('near', 'nft', 'delete', ...table);
    assert.equal(await site.ask('near', asked), asked);
    await site.show();
  });

  test('who called a task that died meanwhile comes to another one', async () => {
    await site.run('home', 'ip', 'link', 'set', 'port', 'down');
    const answering = site.answering('near', asked);
    const unanswered = ['conntrack', '-L', '-p', 'tcp', '--state', 'SYN_SENT'];
    await until(
      async () => await site.run('asked', ...unanswered, '--reply-src', taskAddress),
      (found) => found !== '',
    );
    await site.show({ tasks: ['second'] });
    assert.equal(await answering, secondTaskAddress);
    await site.run('home', 'ip', 'link', 'set', 'port', 'up');
    await site.show();
  });

  test('with affinity a caller comes to one task, whichever node it asks, and others to others', async () => {
    await site.show({ tasks: ['first', 'second'], isSticky: true });
    const seen = new Map<string, string>();
    for (const last of [50, 51, 52, 53]) {
      const caller = `192.0.2.${last}`;
      await site.run('near', 'ip', 'address', 'replace', `${caller}/24`, 'dev', 'eth0');
      for (const node of [home, asked, other]) {
        await site.run('near', 'ip', 'route', 'replace', node, 'dev', 'eth0', 'src', caller);
        const task = await site.answering('near', node);
        assert.equal(task, seen.get(caller) ?? task, `${caller} by ${node}`);
        seen.set(caller, task);
      }
    }
    assert.equal(new Set(seen.values()).size, 2);
    for (const node of [home, asked, other]) await site.run('near', 'ip', 'route', 'delete', node);
    await site.show();
  });

  test('what the kernel lists of what was made is no drift', async () => {
    const nodes = ['home', 'asked', 'other'] as const;
    const found = await Promise.all(nodes.map(async (node) => await site.recheck(node)));
    assert.deepEqual(found, [0, 0, 0]);
  });

  const harms: readonly (readonly [string, 'home' | 'asked', readonly string[]])[] = [
    ['a deleted device', 'home', ['ip', 'link', 'delete', device]],
    ['a lost address', 'home', ['ip', 'address', 'flush', 'dev', device]],
    ['a rule for replies', 'home', ['ip', 'rule', 'delete', 'pref', '21541']],
    ['a lost way', 'asked', ['ip', 'route', 'flush', 'dev', device]],
    ['forgotten nodes', 'asked', ['ip', 'neighbour', 'flush', 'dev', device, 'nud', 'permanent']],
    ['flushed rules', 'home', ['nft', 'flush', 'chain', 'ip', 'tutti', 'ways']],
  ];
  for (const [what, node, harm] of harms) {
    test(`${what} is noticed and repaired`, async () => {
      const before = await site.recheck(node);
      await site.run(node, ...harm);
      assert.equal(await site.recheck(node), before + 1);
      assert.equal(await site.recheck(node), before + 1);
      assert.equal(await site.ask('near', asked), near);
    });
  }

  test('a node that cannot make its way of callers says so in the end, and is led on to', async () => {
    await site.remove('home');
    const taken = ['type', 'vxlan', 'id', '4097', 'dstport', '4789', 'local', home];
    await site.run('home', 'ip', 'link', 'add', 'taken', ...taken);
    await site.show();
    assert.equal(await site.takesCallers('home'), true, 'it may have been a moment');
    assert.equal(await site.takesCallers('home'), false);
    await site.show({ old: ['home'] });
    assert.equal(await site.ask('near', asked), asked);
    await site.run('home', 'ip', 'link', 'delete', 'taken');
    await site.show();
    assert.equal(await site.ask('near', asked), near);
    assert.equal(await site.takesCallers('home'), true);
  });

  test('nothing is left', async () => {
    await site.remove('home');
    assert.equal(await site.run('home', 'ip', 'link', 'show', 'type', 'vxlan'), '');
    assert.doesNotMatch(await site.run('home', 'ip', 'rule'), new RegExp(bridge));
    assert.doesNotMatch(await site.run('home', 'ip', 'route', 'show', 'table', 'all'), /onlink/);
    assert.equal(await site.ask('near', asked), 'nobody');
  });
});
