import assert from 'node:assert/strict';
import { hostname } from 'node:os';
import { test } from 'node:test';
import { requestEngine } from '../../tools/engine/engine-request.ts';
import { restartEngine } from './engine-restart.ts';
import { outsideAddress } from './outside.ts';
import { type Answer, type Peer, until, type Who } from './stack.ts';
import { atHost, type World } from './world.ts';

const refused = { error: 'ECONNREFUSED' };
const service = 'net_by-host';
const port = 8090;
/** Of a process of this machine. */
const foreignPort = 9999;

/** Ports of mode `host`: each leads to one task, on the machine that it runs on. */
export function registerHostPorts(world: () => World): void {
  test('a port of mode host leads everybody to its one task', async () => {
    const { stack } = world();
    const own = await stack.container('by-host');
    await expectServed(world(), own.hostname);
    // On another network, on the same one, and the task itself.
    for (const caller of [await stack.container('client'), await stack.container('lone'), own]) {
      assert.equal((await caller.call(atHost(port))).value?.host, own.hostname);
      assert.equal((await caller.send(atHost(port))).value?.host, own.hostname);
    }
  });

  test('Docker’s commands show the ports of mode host', async () => {
    const { node, stack } = world();
    const { id } = await stack.container('by-host');
    assert.equal(
      await node.docker('service', 'ps', '--format={{.Ports}}', service),
      `*:${port}->80/tcp,*:${port}->80/udp`,
    );
    const listed = await node.docker('ps', '--format={{.Ports}}', `--filter=id=${id}`);
    assert.match(listed, new RegExp(`^0\\.0\\.0\\.0:${port}->80/tcp, .*:${port}->80/udp`));
    assert.match(await node.docker('port', id, '80/udp'), new RegExp(`^0\\.0\\.0\\.0:${port}\n`));
  });

  test('a task that goes is led to no more, ends what it began, and gives its port back', async () => {
    const { node, stack, outsider, insider } = world();
    const ways: readonly (readonly [Peer, string])[] = [
      [outsider, atHost(port)],
      [insider, `127.0.0.1:${port}`],
    ];
    const streams = ways.map(([peer, to]) => peer.follow(to));
    await Promise.all(ways.map(async ([peer, to]) => await peer.call(to)));
    await node.docker('service', 'scale', '--detach', `${service}=0`);
    const seen: Answer<Who>[] = [];
    for (let count = 1; count > 0; count = await stack.count('by-host')) {
      seen.push(...(await Promise.all(ways.map(([peer, to]) => peer.call(to)))));
    }
    assert.ok(!seen.some(({ value }) => value?.isStopping === true), JSON.stringify(seen));
    for (const { value } of await Promise.all(streams)) assert.match(value ?? '', /\nended\n$/);
    await until(
      () => node.docker('service', 'ps', '--quiet', service),
      (tasks) => tasks === '',
    );
    for (const [peer, to] of ways) assert.deepEqual(await peer.call(to), refused);
    await node.docker('service', 'scale', '--detach', `${service}=1`);
    await until(
      () => outsider.call(atHost(port)),
      ({ value }) => value !== undefined,
    );
  });
}

/** Who has a port when, besides. */
export function registerPortHolders(world: () => World): void {
  test('a task on no network of the cluster has a port that is chosen for it', async () => {
    const { node, stack, outsider } = world();
    const publish = ['--publish=mode=host,target=80', '--publish=mode=host,target=80,protocol=udp'];
    await create(world(), { name: 'net_bare', options: publish });
    const shown = await until(
      () => node.docker('service', 'ps', '--format={{.Ports}}', 'net_bare'),
      (ports) => ports !== '',
    );
    const [, tcp, udp] = /^\*:(\d+)->80\/tcp,\*:(\d+)->80\/udp$/.exec(shown) ?? [];
    const own = await stack.container('bare');
    const value = { host: own.hostname, client: outsideAddress, isStopping: false };
    assert.deepEqual(await outsider.call(atHost(Number(tcp))), { value });
    assert.deepEqual(await outsider.send(atHost(Number(udp))), { value });
    const client = await stack.container('client');
    assert.equal((await client.call(atHost(Number(tcp)))).value?.host, own.hostname);
    assert.equal((await client.send(atHost(Number(udp)))).value?.host, own.hostname);
    assert.equal((await own.call(atHost(Number(tcp)))).value?.host, own.hostname);
    await node.daemon.kill();
    await node.daemon.start();
    const insider = () => world().insider.call(`127.0.0.1:${tcp}`);
    await until(insider, (answer) => answer.value?.host === own.hostname);
    await node.docker('service', 'rm', 'net_bare');
    await until(
      () => outsider.call(atHost(Number(tcp))),
      ({ error }) => error === refused.error,
    );
  });

  test('a port that a process of the machine has is refused to the task, by its name', async () => {
    const { node, insider } = world();
    const publish = `--publish=mode=host,published=${foreignPort},target=80`;
    await create(world(), {
      name: 'net_late',
      options: [publish, '--restart-condition=none'],
    });
    const sentence = /^"port 9999\/tcp is taken by \S+ \(process \d+\) of this machine"$/;
    const format = ['--no-trunc', '--format={{.Error}}'];
    await until(
      () => node.docker('service', 'ps', ...format, 'net_late'),
      (error) => sentence.test(error),
    );
    const { stdout } = await node.tutti(['why', 'service', 'net_late']);
    assert.match(stdout, /port 9999\/tcp is taken by/);
    assert.equal((await insider.call(atHost(foreignPort))).value?.host, hostname());
    await node.docker('service', 'rm', 'net_late');
  });

  test('a killed engine takes no port along, and who comes next has it again', async () => {
    const { node, stack, outsider } = world();
    const { id, hostname: before } = await stack.container('by-host');
    await restartEngine(node.engineSocket, 'SIGKILL', async () => {
      assert.equal((await outsider.call(atHost(port))).value?.host, before, 'without an engine');
    });
    await requestEngine(node.engineSocket, { method: 'POST', path: `/containers/${id}/kill` });
    await until(
      () => outsider.call(atHost(port)),
      ({ value }) => value !== undefined && value.host !== before,
    );
    await expectServed(world(), (await stack.container('by-host')).hostname);
  });
}

/** Whoever calls, over TCP and UDP; those from elsewhere by their own address. */
async function expectServed({ outsider, insider }: World, host: string): Promise<void> {
  const value = { host, client: outsideAddress, isStopping: false };
  assert.deepEqual(await outsider.call(atHost(port)), { value }, 'from elsewhere');
  assert.deepEqual(await outsider.send(atHost(port)), { value }, 'from elsewhere, by UDP');
  for (const to of [`127.0.0.1:${port}`, atHost(port)]) {
    assert.equal((await insider.call(to)).value?.host, host, to);
    assert.equal((await insider.send(to)).value?.host, host, `${to} by UDP`);
  }
}

/** A service of the same program, outside of the stack. */
async function create(
  { node }: World,
  service: { readonly name: string; readonly options: readonly string[] },
): Promise<void> {
  const configs = await node.docker('config', 'ls', '--format={{.Name}}');
  const config = configs.split('\n').find((name) => name.startsWith('net_task')) ?? '';
  const program = ['tutti-demo/vote:1', 'node', '/task.ts'];
  await node.docker(
    'service',
    'create',
    '--detach',
    '--no-resolve-image',
    `--name=${service.name}`,
    `--config=source=${config},target=/task.ts`,
    ...service.options,
    ...program,
  );
}
