import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { bridgeName, spanName } from '../src/overlay/bridge-name.ts';
import { type MachineState, readMachineState } from './fixture/machine-state.ts';
import { onOwnHost } from './fixture/on-own-host.ts';
import { until, type Who } from './network/stack.ts';
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
  describe('published ports', registerPorts);
  describe('changes', registerChanges);
  describe('nodes that go', registerNodes);
});

function addressOn(task: PlacedTask, network: string): string {
  const address = task.addresses.get(network);
  assert.ok(address, `it is not on ${network}`);
  return address;
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
      assert.equal(value.client, addressOn(client, 'front'), name);
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
  });

  test('an internal network has no way out on either node', async () => {
    const outside = `${site.hosts.host(manager).address}:2377`;
    for (const list of await site.tasks('list')) {
      assert.equal((await site.call(list, outside)).value, undefined);
    }
  });

  test('only networks that span nodes are joined; what is to be encrypted is not', async () => {
    const wanted = await Promise.all(
      ['front', 'inner'].map(async (name) => spanName(await site.networkId(name))),
    );
    for (const host of [manager, worker]) {
      assert.deepEqual(await site.spans(host), wanted.toSorted(), host);
    }
    const near = await site.task('near-lone');
    assert.equal((await site.call(near, 'lone:80')).value, undefined);
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

  test('a node without a task leads callers on to one that has, on its own behalf', async () => {
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

  test('who was led on already is not led on again', async () => {
    const url = at(manager, 8081);
    const table = ['table', 'ip', 'test'];
    const chain = '{ chain out { type filter hook output priority 0; ip dscp set 0x2d; }; }';
    await site.hosts.enter(worker, ['nft', `add ${table.join(' ')} ${chain}`]);
    const { stdout, stderr } = await site.hosts.enter(worker, ['curl', '-sS', '-m', '5', url]);
    await site.hosts.enter(worker, ['nft', 'delete', ...table]);
    assert.equal(stdout, '');
    assert.match(stderr, /^curl: \(7\)/, 'it is refused at once');
    assert.ok((await ask(worker, url)).host);
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
      await site.untilCall(client, {
        to: `${addressOn(web, 'front')}:80`,
        isRight: ({ value }) => value?.host === web.hostname,
      });
    });
  }
}

function registerNodes(): void {
  test('nothing leads to a node that is down, and all of it to one that is back', async () => {
    const client = await site.task('client');
    await site.hosts.change('kill', [worker]);
    await until(
      async () => await site.spans(manager),
      (spans) => spans.length === 0,
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
