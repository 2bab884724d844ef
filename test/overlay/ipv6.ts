import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatIpv6, parseIpv6 } from '../../src/lib/ipv6.ts';
import { ipv6AddressOf } from '../../src/model/ipv6.ts';
import { manager, type OverlaySite, type PlacedTask, worker } from './site.ts';

interface Shown {
  readonly EnableIPv6: boolean;
  readonly IPAM: {
    readonly Config: readonly { readonly Subnet: string; readonly Gateway: string }[];
  };
}

async function inspect(site: OverlaySite, network: string): Promise<Shown> {
  const text = await site.docker('network', 'inspect', network);
  const [shown] = JSON.parse(text) as readonly Shown[];
  assert.ok(shown);
  return shown;
}

function held(task: PlacedTask, network: string): string {
  const address = task.ipv6.get(network);
  assert.ok(address, `it has none on ${network}`);
  return address;
}

/** What networks with `enable_ipv6` have besides; that nobody else reaches it, others try. */
export function registerIpv6(world: () => OverlaySite): void {
  registerTalk(world);
  registerNetworks(world);
  registerClosed(world);
}

function registerTalk(world: () => OverlaySite): void {
  test('a network has a subnet of each kind, and tasks the address that goes with the other', async () => {
    for (const [name, expected] of [
      ['front', /^fd[\da-f]{2}:.*::\/64$/],
      ['sealed', /^2001:db8:5ea1::\/64$/],
    ] as const) {
      const { EnableIPv6, IPAM } = await inspect(world(), `net_${name}`);
      const [subnet = '', ipv6 = ''] = IPAM.Config.map((one) => one.Subnet);
      assert.equal(EnableIPv6, true);
      assert.match(ipv6, expected);
      for (const task of await world().tasks(name === 'front' ? 'api' : 'lone')) {
        const both = { subnet, ipv6: { subnet: ipv6 } };
        assert.equal(held(task, name), ipv6AddressOf(both, task.addresses.get(name) ?? ''));
      }
    }
    const lone = await world().task('lone');
    assert.equal(lone.ipv6.get('apart'), undefined);
  });

  test('who calls by IPv6 is seen with that address, on the other node and through the tunnel', async () => {
    const site = world();
    for (const [from, to, network] of [
      ['client', 'web', 'front'],
      ['web', 'client', 'front'],
      ['near-lone', 'lone', 'sealed'],
    ] as const) {
      const [caller, called] = [await site.task(from), await site.task(to)];
      assert.notEqual(caller.node, called.node);
      const { value } = await site.call(caller, `[${held(called, network)}]:80`);
      assert.deepEqual([value?.host, value?.client], [called.hostname, held(caller, network)]);
    }
  });

  test('names of tasks have their addresses of IPv6, and those of services with a virtual one none', async () => {
    const site = world();
    const client = await site.task('client');
    const ask = async (name: string, type = 'AAAA') =>
      await site.tell<readonly string[]>(client, 'query', { name, type });
    const [web, list] = [await site.task('web'), await site.tasks('list')];
    const ofList = list.map((task) => held(task, 'inner')).toSorted();
    assert.equal(ofList.length, 2);
    for (const name of ['list', 'tasks.list']) {
      assert.deepEqual((await ask(name)).value?.toSorted(), ofList, name);
    }
    assert.deepEqual((await ask('tasks.web')).value, [held(web, 'front')]);
    assert.deepEqual(await ask('web'), { error: 'ENODATA' });
    const digits = (parseIpv6(held(web, 'front')) ?? 0n).toString(16).padStart(32, '0');
    const reverse = `${digits.split('').toReversed().join('.')}.ip6.arpa`;
    const [name = ''] = (await ask(reverse, 'PTR')).value ?? [];
    assert.match(name, /^net_web\.1\.\w+\.net_front$/);
    assert.deepEqual((await ask(name)).value, [held(web, 'front')]);
  });
}

function registerNetworks(world: () => OverlaySite): void {
  test('the docker command makes networks with subnets of both kinds, and is told what cannot be', async () => {
    const site = world();
    const create = async (...words: readonly string[]): Promise<string> =>
      await site.docker('network', 'create', '--driver=overlay', ...words).catch(String);
    const subnets = ['--subnet=10.78.0.0/24', '--subnet=fd00:beef::/64'];
    await create('--ipv6', ...subnets, 'mixed');
    const { IPAM } = await inspect(site, 'mixed');
    assert.deepEqual(
      IPAM.Config.map(({ Subnet, Gateway }) => [Subnet, Gateway]),
      [
        ['10.78.0.0/24', '10.78.0.1'],
        ['fd00:beef::/64', 'fd00:beef::1'],
      ],
    );
    const refusals: readonly (readonly [string, readonly string[]])[] = [
      ['fd00:beef::/64 of network mixed', ['--ipv6', '--subnet=fd00:beef::/64', 'again']],
      [
        'one subnet of IPv6 at most',
        ['--ipv6', '--subnet=fd00:1::/64', '--subnet=fd00:2::/64', 'two'],
      ],
      ['an IPv6 subnet, and IPv6 is off', ['--subnet=fd00:1::/64', 'off']],
      ['a range of IPv6', ['--ipv6', '--subnet=fd00:1::/64', '--ip-range=fd00:1::/80', 'range']],
    ];
    for (const [reason, words] of refusals) {
      const said = await create(...words);
      assert.ok(said.includes(reason), `${words.join(' ')}: ${said}`);
    }
    await site.docker('network', 'rm', 'mixed');
  });
}

function registerClosed(world: () => OverlaySite): void {
  test('a container answers callers of published ports by the way that they came', async () => {
    const site = world();
    const web = await site.task('web');
    const routes = await site.hosts.engine(
      worker,
      'exec',
      web.containerId,
      'cat',
      '/proc/net/route',
    );
    const gateways = routes.split('\n').flatMap((line) => /^(\w+)\t0{8}\t/.exec(line)?.[1] ?? []);
    const format = `{{with index .NetworkSettings.Networks "00-${await site.networkId('ingress')}"}}{{.MacAddress}}{{end}}`;
    const mac = await site.hosts.engine(worker, 'inspect', `--format=${format}`, web.containerId);
    const path = `/sys/class/net/${gateways.join()}/address`;
    assert.equal(await site.hosts.engine(worker, 'exec', web.containerId, 'cat', path), mac);
  });

  test('nothing leads out by IPv6, and to the node itself only who asks whether it is there', async () => {
    const site = world();
    const client = await site.task('client');
    const { IPAM } = await inspect(site, 'net_front');
    const gateway = formatIpv6((parseIpv6(IPAM.Config[1]?.Subnet.split('/')[0] ?? '') ?? 0n) + 1n);
    // A published port of the node itself.
    assert.deepEqual(await site.call(client, `[${gateway}]:8080`), { error: 'EACCES' });
    assert.equal((await site.call(client, '[2001:db8:ffff::1]:80')).value, undefined);
  });

  test('rules for IPv6 that somebody takes away come back', async () => {
    const site = world();
    const [client, near] = [await site.task('client'), await site.task('near-lone')];
    assert.deepEqual([client.node, near.node], [manager, manager]);
    const to = `[${held(near, 'sealed')}]:80`;
    await site.hosts.enter(manager, ['nft', 'delete', 'table', 'ip6', 'tutti']);
    await site.untilCall(client, { to, isRight: ({ error }) => error === 'EACCES' });
    const { stdout } = await site.hosts.enter(worker, ['nft', 'list', 'table', 'ip6', 'tutti']);
    assert.match(stdout, /iifname "tt-\*" reject/);
  });
}
