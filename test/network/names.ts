import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expectRun } from './expect-run.ts';
import { otherNameserver, outsideAddress, routedSubnet, searchDomain } from './outside.ts';
import { until } from './stack.ts';
import type { World } from './world.ts';

/** What names mean, and to whom. */
export function registerNames(world: () => World): void {
  test('a name answers with the virtual address, with all tasks, or not at all', async () => {
    const { stack } = world();
    const [client, lone, db] = await Promise.all(
      ['client', 'lone', 'db'].map((name) => stack.container(name)),
    );
    assert.ok(client && lone && db);
    const [first, second] = await stack.containers('web');
    assert.ok(first && second);
    const addressesOf = async (service: string, network: string) =>
      (await stack.containers(service)).map((one) => one.addresses.get(network) ?? '').toSorted();
    const vip = await stack.virtualAddress('web', 'front');
    const own = first.addresses.get('front') ?? '';
    const table: readonly (readonly [string, readonly string[]])[] = [
      ['web', [vip]],
      ['WEB', [vip]],
      ['net_web', [vip]],
      ['www', [vip]],
      ['web.net_front', [vip]],
      ['web.net', [vip]],
      ['tasks.web', await addressesOf('web', 'front')],
      ['tasks.www', await addressesOf('web', 'front')],
      ['api', await addressesOf('api', 'front')],
      [first.name, [own]],
      [first.taskId, [own]],
      [first.hostname, [own]],
    ];
    for (const [name, expected] of table) {
      assert.deepEqual(await client.lookup(name), { value: expected }, name);
    }
    assert.deepEqual(await db.lookup('api'), { value: await addressesOf('api', 'back') });
    for (const name of ['web', 'net_web', first.name, 'tasks.web', 'web.net_front']) {
      assert.deepEqual(await lone.lookup(name), { error: 'ENOTFOUND' }, name);
    }
    const port = { name: 'net_web.net_front', port: 80, priority: 0, type: 'SRV', weight: 1 };
    for (const name of ['_80._tcp.web', '_8080._udp.web.net']) {
      assert.deepEqual(await client.query(name, { type: 'SRV' }), { value: [port] }, name);
    }
    assert.deepEqual(await client.query('_81._tcp.web', { type: 'SRV' }), { error: 'ENOTFOUND' });
    const reverse = `${own.split('.').toReversed().join('.')}.in-addr.arpa`;
    assert.deepEqual(await client.query(reverse, { type: 'PTR' }), {
      value: [`${first.name}.net_front`],
    });
  });

  test('a nameserver of one network tells nothing to members of another', async () => {
    const { stack } = world();
    const lone = await stack.container('lone');
    const listing = await expectRun('nft', 'list', 'map', 'ip', 'tutti', 'dns');
    const gateway = (await stack.virtualAddress('web', 'front')).replace(/\d+$/, '1');
    const [, port] =
      new RegExp(`: ${gateway.replaceAll('.', '\\.')} \\. (\\d+)`).exec(listing) ?? [];
    assert.ok(port, listing);
    for (const server of [gateway, `${gateway}:${port}`]) {
      const { value } = await lone.query('web', { server });
      assert.equal(value, undefined, server);
    }
  });
}

/** Names of the world, and subnets. */
export function registerResolvers(world: () => World): void {
  test('other names are asked of the machine’s resolvers, or of the task’s own', async () => {
    const { stack, outside } = world();
    const [client, ownDns, db] = await Promise.all(
      ['client', 'own-dns', 'db'].map((name) => stack.container(name)),
    );
    assert.ok(client && ownDns && db);
    assert.deepEqual(await client.lookup('example.org'), { value: ['198.51.100.2'] });
    assert.deepEqual(await client.lookup('printer'), { value: ['198.51.100.2'] });
    assert.deepEqual(await client.lookup('nothing.example.org'), { error: 'ENOTFOUND' });
    assert.deepEqual(await ownDns.lookup('example.net'), { value: ['198.51.100.3'] });
    assert.deepEqual(await ownDns.lookup('printer'), { value: ['198.51.100.3'] });
    const vip = await stack.virtualAddress('web', 'front');
    assert.deepEqual(await ownDns.lookup('web'), { value: [vip] });
    const { error } = await db.lookup('secret.example.org');
    assert.equal(error, 'ENOTFOUND', 'an internal network has no way out');
    // What the tests before this one asked for in vain is of no interest.
    const asked = outside.queries.filter((line) =>
      / A (example|printer|nothing|secret)\./.test(line),
    );
    assert.deepEqual(asked, [
      `${outsideAddress} A example.org`,
      `${outsideAddress} A printer.${searchDomain}`,
      `${outsideAddress} A nothing.example.org`,
      `${outsideAddress} A nothing.example.org.${searchDomain}`,
      `${otherNameserver} A example.net`,
      `${otherNameserver} A printer.own.test`,
    ]);
  });

  test('an answer that is too long for a datagram comes whole over TCP', async () => {
    const { stack, outside } = world();
    const client = await stack.container('client');
    const { value, error } = await client.query('long.example.org', { type: 'TXT' });
    assert.equal(error, undefined);
    const [chunks] = (value ?? []) as readonly (readonly string[])[];
    assert.equal(chunks?.length, 40);
    assert.ok(outside.queries.includes(`${outsideAddress} TXT long.example.org over TCP`));
  });

  test('subnets are none that the machine has or has a route to', async () => {
    const { stack } = world();
    const addresses = await Promise.all(
      ['front', 'back', 'apart'].map(async (network) => {
        const service = { front: 'web', back: 'db', apart: 'lone' }[network] ?? '';
        return await stack.virtualAddress(service, network);
      }),
    );
    const prefix = routedSubnet.replace(/\d+\/24$/, '');
    assert.deepEqual(
      addresses.filter((address) => address.startsWith(prefix)),
      [],
    );
  });
}

/** Explanations. */
export function registerWhy(world: () => World): void {
  test('`tutti why dns` says what a name means to whom, and why', async () => {
    const { node, stack } = world();
    const why = async (...parameters: readonly string[]) => {
      const { code, stdout, stderr } = await node.tutti(['why', 'dns', ...parameters]);
      assert.equal(code, 0, stderr);
      return stdout;
    };
    const vip = await stack.virtualAddress('web', 'front');
    const explained = await why('web', '--from', 'net_client.1');
    assert.match(explained, new RegExp(`virtual address ${vip}, which leads to 2 tasks`));
    assert.match(explained, /back end: net_web\.1\.\S+ at 10\./);
    assert.match(
      await why('web', '--from', 'net_lone.1'),
      /net_front, which the asking task is not/,
    );
    assert.match(await why('wbe', '--from', 'net_client.1'), /Names of services here: .*\bweb\b/);
    assert.match(await why('example.org', '--from', 'net_own-dns.1'), /192\.168\.77\.3/);
    assert.match(await why('example.org', '--from', 'net_db.1'), /internal: nobody else is asked/);
    const sick = await why('sick');
    assert.match(sick, /which refuses connections, for no task is ready/);
    assert.match(
      sick,
      /left out, not ready: net_sick\.1\.\S+ at \S+: waiting for the health check/,
    );
    assert.match(sick, /tutti why task/);
    const { stdout: port } = await node.tutti(['why', 'port', '8081']);
    assert.match(
      port,
      /callers are refused, for no task is ready\n {2}left out, not ready: net_sick/,
    );
    assert.match(port, /hint: `tutti why service net_sick`/);
    await node.docker('service', 'scale', '--detach', 'net_lone=0');
    const none = await until(
      () => why('lone'),
      (text) => text.includes('no task that is to run'),
    );
    assert.match(none, /tutti why service net_lone/);
    await node.docker('service', 'scale', '--detach', 'net_lone=1');
    await until(
      () => why('lone'),
      (text) => text.includes('back end:'),
    );
  });
}
