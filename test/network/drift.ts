import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bridgeName } from '../../src/overlay/bridge-name.ts';
import { runApart } from '../fixture/run-apart.ts';
import { restartEngine } from './engine-restart.ts';
import { expectRun } from './expect-run.ts';
import { until } from './stack.ts';
import { atHost, neighbourAsListed, takenPort, type World } from './world.ts';

const ourRule = ['-m', 'connmark', '--mark', '0x54540000/0xffff0000', '-j', 'ACCEPT'];

/** What machines let in that let nothing in. */
const firewall = [
  ['-i', 'lo', '-j', 'ACCEPT'],
  ['-m', 'conntrack', '--ctstate', 'ESTABLISHED,RELATED', '-j', 'ACCEPT'],
] as const;

/** Whatever somebody does to what we have in the kernel, it comes back. */
export function registerDrift(world: () => World): void {
  /** Both ways in, until they work. */
  const untilServed = async () => {
    const { stack, outsider } = world();
    const client = await stack.container('client');
    // By address: a program that asks for a name in vain waits for seconds before it asks again.
    const vip = await stack.virtualAddress('web', 'front');
    for (const ask of [() => client.call(`${vip}:80`), () => outsider.call(atHost(8080))]) {
      await until(ask, ({ value }) => value !== undefined);
    }
  };

  const harms: readonly (readonly [string, () => Promise<unknown>])[] = [
    ['a deleted table', () => expectRun('nft', 'delete', 'table', 'ip', 'tutti')],
    ['a flushed table', () => expectRun('nft', 'flush', 'table', 'ip', 'tutti')],
    ['a flushed chain', () => expectRun('nft', 'flush', 'chain', 'ip', 'tutti', 'prerouting')],
    ['a flushed map', () => expectRun('nft', 'flush', 'map', 'ip', 'tutti', 'vip-slot')],
    ['a deleted rule', () => expectRun('iptables', '-D', 'DOCKER-USER', ...ourRule)],
  ];
  for (const [what, harm] of harms) {
    test(`${what} is noticed and repaired`, async () => {
      // Whoever is not let through explicitly, is not let through.
      await expectRun('iptables', '-P', 'FORWARD', 'DROP');
      await harm();
      await untilServed();
      await until(
        () => runApart('iptables', ['-C', 'DOCKER-USER', ...ourRule]),
        ({ code }) => code === 0,
      );
    });
  }

  test('what somebody adds to our table goes', async () => {
    const element = ['ip', 'tutti', 'own', '{ 192.0.2.9 }'];
    await expectRun('nft', 'add', 'element', ...element);
    await until(
      () => runApart('nft', ['get', 'element', ...element]),
      ({ code }) => code !== 0,
    );
  });

  test('a deleted bridge comes back with its containers', async () => {
    const { stack } = world();
    for (const network of ['front', 'ingress']) {
      await expectRun('ip', 'link', 'delete', bridgeName(await stack.networkId(network)));
    }
    await untilServed();
  });

  test('a machine that lets nothing in still lets its tasks ask for names', async () => {
    const { stack } = world();
    const client = await stack.container('client');
    for (const rule of firewall) await expectRun('iptables', '-A', 'INPUT', ...rule);
    await expectRun('iptables', '-P', 'INPUT', 'DROP');
    try {
      // Nothing tells of a policy: the next look, whatever brings it, sees it.
      await expectRun('nft', 'flush', 'table', 'ip', 'tutti');
      await until(
        () => client.query('web'),
        ({ value }) => value !== undefined,
      );
    } finally {
      await expectRun('iptables', '-P', 'INPUT', 'ACCEPT');
      for (const rule of firewall) await expectRun('iptables', '-D', 'INPUT', ...rule);
    }
  });

  test('a port that its process gave up is served at the next look', async () => {
    const { stack, outsider } = world();
    await world().freePort();
    await expectRun('nft', 'flush', 'table', 'ip', 'tutti');
    const { hostname } = await stack.container('taken');
    await until(
      () => outsider.call(atHost(takenPort)),
      ({ value }) => value?.host === hostname,
    );
    // The socket alone serves it, too, before the table is back.
    await untilServed();
  });
}

/** What outlives its makers. */
export function registerRestarts(world: () => World): void {
  test('a daemon that is killed leaves connections alone; the next one clears up', async () => {
    const { node, stack, outsider } = world();
    const clusterId = await node.docker('info', '--format={{.Swarm.Cluster.ID}}');
    const engine = async (...parameters: readonly string[]) =>
      await expectRun('docker', '-H', `unix://${node.engineSocket}`, ...parameters);
    const create = async (name: string, cluster: string) => {
      const labels = [`--label=dev.tutti.network=${name}`, `--label=dev.tutti.cluster=${cluster}`];
      await engine('network', 'create', ...labels, name);
    };
    const client = await stack.container('client');
    const vip = await stack.virtualAddress('web', 'front');
    const gateway = vip.replace(/\d+$/, '1');
    assert.match((await client.queryFrom(41_053, gateway)).value ?? '', /^beef/);
    await node.daemon.kill();
    await create('leftover', clusterId);
    await create('of-another-cluster', 'another');
    // As an engine leaves it that is killed while it makes a network.
    await expectRun('ip', 'link', 'add', 'tt-leftover', 'type', 'bridge');
    for (const answer of [await outsider.call(atHost(8080)), await client.call(`${vip}:80`)]) {
      assert.ok(answer.value, JSON.stringify(answer));
    }
    await node.daemon.start();
    await until(
      () => client.query('web'),
      ({ value }) => value !== undefined,
    );
    // The kernel remembers to which port of the daemon before it led who asks from this one, until
    // it is told to forget that: a moment after the new one is led to.
    await until(
      () => client.queryFrom(41_053, gateway),
      ({ value }) => value?.startsWith('beef') === true,
    );
    const names = await until(
      async () => await engine('network', 'ls', '--format={{.Name}}'),
      (list) => !list.includes('leftover'),
    );
    assert.match(names, /of-another-cluster/);
    await until(
      () => expectRun('ip', '-brief', 'link', 'show', 'type', 'bridge'),
      (links) => !links.includes('tt-leftover'),
    );
    await engine('network', 'rm', 'of-another-cluster');
  });

  test('an engine that starts again finds our rules beside its own', async () => {
    const { node, stack, outsider } = world();
    const client = await stack.container('client');
    await restartEngine(node.engineSocket, 'SIGTERM');
    assert.ok((await client.call('web:80')).value);
    assert.ok((await outsider.call(atHost(8080))).value);
    const rules = await expectRun('iptables', '-S');
    const accept = rules.indexOf(`-A DOCKER-USER ${ourRule.join(' ')}`);
    assert.ok(accept >= 0 && rules.includes('-A FORWARD -j DOCKER-USER'), rules);
    await node.docker('service', 'update', '--detach', '--force', 'net_lone');
    await until(
      () => node.docker('service', 'ps', '--format={{.CurrentState}}', 'net_lone'),
      (states) => /^Running.*\nShutdown/.test(states),
    );
  });

  test('the table of somebody else is as it was', async () => {
    assert.equal(await world().neighbourTable(), neighbourAsListed);
  });
}

/** Who answers between two daemons. */
export function registerHandOver(world: () => World): void {
  test('a stopped daemon leaves its answers to another until the next one is up', async () => {
    const { node, stack, outsider, insider } = world();
    const client = await stack.container('client');
    const over = new AbortController();
    const failed: unknown[] = [];
    const calls = {
      'the name': () => client.query('web'),
      'the names of tasks': () => client.query('tasks.web'),
      'the port from elsewhere': () => outsider.call(atHost(8080)),
      'the port from here': () => insider.call('127.0.0.1:8080'),
    };
    const startedAt = performance.now();
    const ask = async (what: keyof typeof calls): Promise<number> => {
      let asked = 0;
      for (; !over.signal.aborted; asked += 1) {
        const answer = await calls[what]();
        const afterMs = Math.round(performance.now() - startedAt);
        if (answer.value === undefined) failed.push({ what, afterMs, ...answer });
      }
      return asked;
    };
    const asking = Promise.all((Object.keys(calls) as (keyof typeof calls)[]).map(ask));
    await node.daemon.stop();
    await node.daemon.start();
    await until(
      () => node.docker('node', 'ls', '--format={{.Status}}'),
      (status) => status === 'Ready',
    );
    over.abort();
    assert.ok((await asking).every((asked) => asked > 0));
    assert.deepEqual(failed, []);
  });
}
