import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { bridgeName, spanName } from '../src/overlay/bridge-name.ts';
import { type MachineState, readMachineState } from './fixture/machine-state.ts';
import { onOwnHost } from './fixture/on-own-host.ts';
import { runApart } from './fixture/run-apart.ts';
import { until, type Who } from './network/stack.ts';
import { registerAttached } from './overlay/attached.ts';
import { registerIpv6 } from './overlay/ipv6.ts';
import { registerStaticAddresses } from './overlay/static-address.ts';
import { manager, OverlaySite, type PlacedTask, worker } from './overlay/site.ts';

const engineSocket = process.env['TUTTI_TEST_ENGINE'] ?? '';
const hundredMegabytes = 100_000_000;

let site: OverlaySite;
let untouched: MachineState;

/* Real packets between two nodes, each with an engine and a daemon, and one stack on both. */
onOwnHost(import.meta.filename, () => {
  before(async () => {
    untouched = await readMachineState(engineSocket, []);
    site = await OverlaySite.start();
    await site.deploy();
  });
  after(async () => {
    await site[Symbol.asyncDispose]();
    const { networks, links, processes } = await readMachineState(engineSocket, []);
    const { networks: before_, links: linksBefore, processes: processesBefore } = untouched;
    assert.deepEqual(
      { networks, links, processes },
      { networks: before_, links: linksBefore, processes: processesBefore },
    );
  });
  describe('tasks on different nodes', registerTalk);
  describe('what is not shared', registerIsolation);
  describe('IPv6', () => registerIpv6(() => site));
  describe('published ports', registerPorts);
  describe('containers that are no tasks', () => registerAttached(() => site));
  describe('static addresses', () => registerStaticAddresses(() => site));
  describe('changes', registerChanges);
  describe('nodes that go', registerNodes);
});

function addressOn(task: PlacedTask, network: string): string {
  const address = task.addresses.get(network);
  assert.ok(address, `it is not on ${network}`);
  return address;
}

/** As in a URL; undefined: the network has none. */
function ipv6On(task: PlacedTask, network: string): string | undefined {
  const address = task.ipv6.get(network);
  return address === undefined ? undefined : `[${address}]`;
}

interface NetworkEnd {
  readonly service: string;
  readonly network: string;
  /** Addresses of tasks, the virtual one, and names. */
  readonly ways: readonly string[];
}

/** By what a service can be called on each of its networks. */
async function endsOf(
  service: string,
  tasks: readonly PlacedTask[],
): Promise<readonly NetworkEnd[]> {
  const networks = [...(tasks[0]?.addresses.keys() ?? [])].filter((name) => name !== 'ingress');
  return await Promise.all(
    networks.map(async (network) => {
      const addresses = tasks.map((task) => addressOn(task, network));
      const ipv6 = tasks.flatMap((task) => ipv6On(task, network) ?? []);
      // A service of mode `dnsrr` has none.
      const virtual = service === 'list' ? [] : [await site.virtualAddress(service, network)];
      return {
        service,
        network,
        ways: [...addresses, ...ipv6, ...virtual, service, `tasks.${service}`],
      };
    }),
  );
}

function registerTalk(): void {
  test('a name leads by the virtual address to the task, which sees who calls', async () => {
    const [client, web] = [await site.task('client'), await site.task('web')];
    assert.deepEqual([client.node, web.node], [manager, worker]);
    const { value: found } = await site.tell(client, 'lookup', { name: 'web' });
    assert.deepEqual(found, [await site.virtualAddress('web', 'front')]);
    for (const name of ['web', 'www', 'tasks.web', addressOn(web, 'front')]) {
      const { value } = await site.call(client, `${name}:80`);
      assert.equal(value?.host, web.hostname, name);
      const own = [addressOn(client, 'front'), client.ipv6.get('front')];
      assert.ok(own.includes(value.client), name);
    }
    const back = await site.call(web, 'client:80');
    assert.equal(back.value?.host, client.hostname);
    const { value: datagram } = await site.tell<{ readonly host: string }>(client, 'send', {
      to: `${await site.virtualAddress('web', 'front')}:80`,
      from: '0',
    });
    assert.equal(datagram?.host, web.hostname);
  });

  test('a virtual address leads to the tasks on all nodes, from each of them', async () => {
    const all = (await site.tasks('api')).map(({ hostname }) => hostname).toSorted();
    assert.equal(all.length, 2);
    for (const from of [await site.task('client'), await site.task('web')]) {
      const seen = new Set<string>();
      await until(
        async () => seen.add((await site.call(from, 'api:80')).value?.host ?? 'nobody').size,
        (size) => size === 2,
      );
      assert.deepEqual([...seen].toSorted(), all);
    }
  });

  test('a name without a virtual address answers with the tasks on all nodes', async () => {
    const client = await site.task('client');
    const addresses = (await site.tasks('list')).map((task) => addressOn(task, 'inner'));
    assert.equal(addresses.length, 2);
    const { value } = await site.tell(client, 'lookup', { name: 'list' });
    assert.deepEqual(value, addresses.toSorted());
    for (const address of addresses) assert.ok((await site.call(client, `${address}:80`)).value);
  });

  test('a hundred megabytes arrive, in packets that pass between nodes', async () => {
    const [client, web] = [await site.task('client'), await site.task('web')];
    const size = ['cat', '/sys/class/net/eth0/mtu'];
    assert.equal(await site.hosts.engine(manager, 'exec', client.containerId, ...size), '1450');
    await site.hosts.engine(
      worker,
      'exec',
      '--detach',
      web.containerId,
      'node',
      '/bytes.ts',
      'serve',
    );
    const order = ['push', addressOn(web, 'front'), String(hundredMegabytes)];
    const push = async () =>
      await site.hosts.engine(manager, 'exec', client.containerId, 'node', '/bytes.ts', ...order);
    await until(push, (counted) => counted === String(hundredMegabytes));
  });
}

function registerIsolation(): void {
  test('who shares no network reaches nobody, by no way', async () => {
    const [client, lone] = [await site.task('client'), await site.task('lone')];
    const ways = [
      `${addressOn(lone, 'apart')}:80`,
      `${await site.virtualAddress('lone', 'apart')}:80`,
      'lone:80',
    ];
    for (const to of ways) assert.equal((await site.call(client, to)).value, undefined, to);
    // By the ingress network tasks are led to, but not called.
    const web = await site.task('web');
    assert.equal((await site.call(client, `${addressOn(web, 'ingress')}:80`)).value, undefined);
  });

  test('of each pair of networks nobody reaches a task, an address or a name of the other', async () => {
    const services = ['client', 'web', 'api', 'list', 'mover', 'lone', 'near-lone'];
    const tasks = await Promise.all(
      services.map(async (service) => ({ service, tasks: await site.tasks(service) })),
    );
    const ends = (
      await Promise.all(tasks.map(async ({ service, tasks: all }) => await endsOf(service, all)))
    ).flat();
    const callers = tasks.flatMap((one) => one.tasks);
    const calls = callers.flatMap((from) =>
      ends.flatMap(({ network, service, ways }) => {
        const isMember = from.addresses.has(network);
        // By its name a service is found on any network that both are on.
        const isKnown = ends.some(
          (one) => one.service === service && from.addresses.has(one.network),
        );
        return ways
          .filter((to) => isMember || !isKnown || /^[\d.]+$|^\[/.test(to))
          .map(async (to) => {
            const { value } = await site.call(from, `${to}:80`);
            const names = [...from.addresses.keys()].join(' ');
            return {
              call: `${names} to ${to} of ${network}`,
              isMember,
              isLed: value !== undefined,
            };
          });
      }),
    );
    const seen = await Promise.all(calls);
    const [inside, outside] = [
      seen.filter((one) => one.isMember),
      seen.filter((one) => !one.isMember),
    ];
    assert.deepEqual(
      outside.filter(({ isLed }) => isLed),
      [],
    );
    assert.deepEqual(
      inside.filter(({ isLed }) => !isLed),
      [],
    );
    assert.ok(
      inside.length > 0 && outside.length > inside.length,
      `${inside.length} and ${outside.length}`,
    );
  });

  test('an internal network has no way out on either node', async () => {
    const outside = `${site.hosts.host(manager).address}:2377`;
    for (const list of await site.tasks('list')) {
      assert.equal((await site.call(list, outside)).value, undefined);
    }
  });

  test('only networks that span nodes are joined', async () => {
    const wanted = await Promise.all(
      ['front', 'ingress', 'inner', 'sealed'].map(async (name) =>
        spanName(await site.networkId(name)),
      ),
    );
    for (const host of [manager, worker]) {
      assert.deepEqual(await site.spans(host), wanted.toSorted(), host);
    }
  });

  test('what is encrypted passes by the tunnel, in packets that fit into it', async () => {
    const near = await site.task('near-lone');
    await site.untilCall(near, {
      to: 'lone:80',
      isRight: ({ value }) => value?.client === addressOn(near, 'sealed'),
    });
    const device = spanName(await site.networkId('sealed'));
    const size = ['cat', '/sys/class/net/eth0/mtu'];
    assert.equal(await site.hosts.engine(manager, 'exec', near.containerId, ...size), '1390');
    for (const host of [manager, worker]) {
      const { stdout } = await site.hosts.enter(host, ['bridge', 'fdb', 'show', 'dev', device]);
      assert.match(stdout, / via tt-\w{8}-w self permanent/);
      const { stdout: shown } = await site.hosts.enter(host, ['wg', 'show', 'all', 'transfer']);
      assert.match(shown, /^tt-\w{8}-w\t\S+\t[1-9]\d*\t[1-9]/, 'it carries something');
      const rules = await site.hosts.enter(host, ['nft', 'list', 'set', 'ip', 'tutti', 'sealed']);
      assert.match(rules.stdout, /elements = /);
    }
  });
}

function registerPorts(): void {
  const ask = async (from: string, url: string): Promise<Who> => {
    const { stdout, stderr } = await site.hosts.enter(from, ['curl', '-sS', '-m', '5', url]);
    assert.notEqual(stdout, '', stderr);
    return JSON.parse(stdout) as Who;
  };
  const at = (host: string, port: number) => `http://${site.hosts.host(host).address}:${port}/who`;

  test('a published port leads to the task of the node that is asked', async () => {
    for (const task of await site.tasks('api')) {
      for (const from of [manager, worker]) {
        assert.equal((await ask(from, at(task.node, 8080))).host, task.hostname);
      }
    }
  });

  test('a node without a task leads nodes and their containers on in its own name', async () => {
    const [web, client] = [await site.task('web'), await site.task('client')];
    const direct = await ask(manager, at(worker, 8081));
    assert.deepEqual(
      [direct.host, direct.client],
      [web.hostname, site.hosts.host(manager).address],
    );
    // From the node itself by a socket, from elsewhere and from containers by the packet filter.
    for (const from of [manager, worker]) {
      assert.equal((await ask(from, at(manager, 8081))).host, web.hostname, from);
    }
    const to = `${site.hosts.host(manager).address}:8081`;
    const { value } = await site.call(client, to);
    assert.deepEqual(
      [value?.host, value?.client],
      [web.hostname, site.hosts.host(manager).address],
    );
    const datagram = await site.tell<Who>(client, 'send', { to, from: '0' });
    assert.equal(datagram.value?.host, web.hostname);
  });

  test('a caller from elsewhere is seen with its own address, whichever node it asks', async () => {
    const web = await site.task('web');
    const seen: string[] = [];
    for (const node of [worker, manager]) {
      const { stdout, stderr } = await runApart('curl', ['-sS', '-m', '5', at(node, 8081)]);
      assert.notEqual(stdout, '', stderr);
      const { host, client } = JSON.parse(stdout) as Who;
      assert.equal(host, web.hostname);
      seen.push(client);
    }
    const nodes = [worker, manager].map((node) => site.hosts.host(node).address);
    assert.equal(new Set(seen).size, 1);
    assert.ok(!nodes.includes(seen[0] ?? ''), 'it is no node');
  });
}

function registerChanges(): void {
  test('a task that moves to another node is found there', async () => {
    const client = await site.task('client');
    const before_ = await site.task('mover');
    assert.equal(before_.node, manager);
    const after_ = await site.update(
      'mover',
      '--constraint-rm=node.hostname==manager-1',
      '--constraint-add=node.hostname==worker-1',
    );
    assert.equal(after_.node, worker);
    await site.untilCall(client, {
      to: 'mover:80',
      isRight: ({ value }) => value?.host === after_.hostname,
    });
  });

  test('a tunnel outlives the daemon, and the next one takes it over', async () => {
    const [near, lone] = [await site.task('near-lone'), await site.task('lone')];
    const to = `${addressOn(lone, 'sealed')}:80`;
    const before_ = await site.tunnels(worker);
    assert.equal(before_.length, 1);
    await site.hosts.change('kill', [worker], 'daemon');
    assert.equal((await site.call(near, to)).value?.host, lone.hostname);
    await site.hosts.change('start', [worker]);
    await site.hosts.untilReady(2);
    await site.untilCall(near, { to, isRight: ({ value }) => value?.host === lone.hostname });
    assert.deepEqual(await site.tunnels(worker), before_);
  });

  test('a task that stops ends what it began with a task on another node', async () => {
    const [client, web] = [await site.task('client'), await site.task('web')];
    const stream = site.tell<string>(client, 'follow', { to: 'web:80' });
    await until(
      async () => (await site.call(client, `${addressOn(web, 'front')}:80`)).value,
      (value) => value !== undefined,
    );
    const next = await site.update('web', '--force');
    assert.equal((await stream).value, `${web.hostname} began\nended\n`);
    await site.untilCall(client, {
      to: 'web:80',
      isRight: ({ value }) => value?.host === next.hostname,
    });
  });

  for (const [what, nameOf] of [
    ['a device to other nodes', spanName],
    ['a bridge', bridgeName],
  ] as const) {
    test(`${what} that somebody takes away comes back, with all that leads through it`, async () => {
      const [client, web] = [await site.task('client'), await site.task('web')];
      const device = nameOf(await site.networkId('front'));
      await site.hosts.enter(worker, ['ip', 'link', 'delete', device]);
      for (const address of [addressOn(web, 'front'), ipv6On(web, 'front')]) {
        await site.untilCall(client, {
          to: `${address}:80`,
          isRight: ({ value }) => value?.host === web.hostname,
        });
      }
    });
  }
}

function registerNodes(): void {
  test('a node whose container engine is frozen repairs its rules, and follows the others', async () => {
    await site.hosts.change('freeze', [worker], 'engine');
    try {
      const { code, stderr } = await site.hosts.enter(worker, [
        'nft',
        'delete',
        'table',
        'ip',
        'tutti',
      ]);
      assert.equal(code, 0, stderr);
      const publish = ['--publish-add', 'published=8085,target=80', 'net_client'];
      await site.docker('service', 'update', '--detach', ...publish);
      const url = `http://${site.hosts.host(worker).address}:8085/who`;
      await until(
        async () => await site.hosts.enter(worker, ['curl', '-sS', '-m', '2', url]),
        ({ stdout }) => stdout.includes('"host"'),
      );
    } finally {
      await site.hosts.change('start', [worker], 'engine');
    }
    await site.hosts.untilReady(2);
  });

  test('nothing leads to a node that is down, and all of it to one that is back', async () => {
    const client = await site.task('client');
    await site.hosts.change('kill', [worker]);
    // Callers of published ports may still come by it: what they come by stays.
    const mesh = spanName(await site.networkId('ingress'));
    await until(
      async () => await site.spans(manager),
      (spans) => spans.every((span) => span === mesh),
    );
    const [near] = await site.tasks('api');
    for (let count = 0; count < 5; count += 1) {
      assert.equal((await site.call(client, 'api:80')).value?.host, near?.hostname);
    }
    assert.equal((await site.call(client, 'mover:80')).error, 'ECONNREFUSED');
    await site.hosts.change('start', [worker]);
    await site.untilCall(client, { to: 'mover:80', isRight: ({ value }) => value !== undefined });
    const web = await site.task('web');
    assert.equal((await site.call(client, 'web:80')).value?.host, web.hostname);
  });

  test('a node that leaves keeps nothing, and nothing leads to it', async () => {
    await site.hosts.docker(worker, 'swarm', 'leave');
    await until(
      async () => [await site.remains(worker), await site.spans(manager)],
      (left) => left.flat().length === 0,
    );
    const { stdout } = await site.hosts.enter(worker, ['nft', 'list', 'tables']);
    assert.doesNotMatch(stdout, /tutti/);
    // Until then its tasks may be running for all that the manager knows.
    await site.docker('node', 'rm', '--force', worker);
  });

  test('nothing is left on a node when the stack is gone', async () => {
    await site.docker('stack', 'rm', 'net');
    await until(
      async () => await site.remains(manager),
      (left) => left.length === 0,
    );
  });
}
