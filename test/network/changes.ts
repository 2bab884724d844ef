import assert from 'node:assert/strict';
import { test } from 'node:test';
import { requestEngine } from '../../tools/engine/engine-request.ts';
import { type Answer, type Peer, until, type Who } from './stack.ts';
import { atHost, type World } from './world.ts';

/** Calls one after the other until it is told to stop; returns what went wrong. */
async function callAlong(
  ask: () => Promise<Answer<Who>>,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const wrong: string[] = [];
  while (!signal.aborted) {
    const answer = await ask();
    if (answer.value === undefined || answer.value.isStopping) wrong.push(JSON.stringify(answer));
  }
  return wrong;
}

/** Tasks that come and go while somebody calls. */
export function registerChanges(world: () => World): void {
  test('a task is led to no more before it is told to stop, and ends what it began', async () => {
    const { node, stack, outsider, insider } = world();
    const client = await stack.container('client');
    const ways: readonly (readonly [Peer, string])[] = [
      [client, 'web:80'],
      [outsider, atHost(8080)],
      [insider, '127.0.0.1:8080'],
    ];
    // Enough for each way to have one at each of the two tasks.
    const streams = ways.flatMap(([peer, to]) => Array.from({ length: 6 }, () => peer.follow(to)));
    await Promise.all(ways.map(async ([peer, to]) => await peer.call(to)));
    const stop = new AbortController();
    const calls = ways.map(([peer, to]) => callAlong(() => peer.call(to), stop.signal));
    await node.docker('service', 'scale', '--detach', 'net_web=1');
    await until(
      () => stack.count('web'),
      (count) => count === 1,
    );
    stop.abort();
    assert.deepEqual(await Promise.all(calls), [[], [], []]);
    await node.docker('service', 'scale', '--detach', 'net_web=0');
    const ended = await Promise.all(streams);
    for (const { value } of ended) assert.match(value ?? '', /^\w+ began\nended\n$/);
    const hosts = new Set(ended.map(({ value }) => value?.split(' ')[0]));
    assert.equal(hosts.size, 2, 'streams of both tasks');
    const refused = [
      { error: 'ECONNREFUSED' },
      { error: 'ECONNREFUSED' },
      { error: 'ECONNREFUSED' },
    ];
    assert.deepEqual(await Promise.all(ways.map(([peer, to]) => peer.call(to))), refused);
    await node.docker('service', 'scale', '--detach', 'net_web=2');
    await node.untilStack('net', ({ services }) =>
      services.some(({ name, running }) => name === 'net_web' && running === 2),
    );
  });

  test('who keeps sending over UDP finds another task when its own is gone', async () => {
    const { node, stack, outsider, insider } = world();
    const client = await stack.container('client');
    const ways: readonly (readonly [string, Peer, string])[] = [
      ['from elsewhere', outsider, atHost(8080)],
      ['by the virtual address', client, 'web:80'],
      ['from this machine', insider, '127.0.0.1:8080'],
    ];
    const web = await stack.containers('web');
    // One source port each, or every message would be a flow of its own.
    const send = async ([, peer, to]: (typeof ways)[number]) => await peer.send(to, 41_000);
    const before = await Promise.all(ways.map(send));
    const again = await Promise.all(ways.map(send));
    assert.deepEqual(again, before, 'a flow keeps its task');
    for (const { id } of web) {
      await requestEngine(node.engineSocket, {
        method: 'DELETE',
        path: `/containers/${id}?force=1`,
      });
    }
    const old = new Set(web.map(({ hostname }) => hostname));
    for (const way of ways) {
      await until(
        () => send(way),
        ({ value }) => value !== undefined && !old.has(value.host),
      );
    }
    await node.untilStack('net', ({ services }) =>
      services.some(({ name, running }) => name === 'net_web' && running === 2),
    );
  });
}

/** Containers that are no tasks. */
export function registerAttached(world: () => World): void {
  const program = `
    const { lookup } = require('node:dns/promises');
    (async () => {
      const names = [];
      for (const name of ['web', 'tasks.api', 'example.org']) {
        names.push(...(await lookup(name, { all: true, family: 4 })).map((one) => one.address));
      }
      const { host } = await (await fetch('http://web/who')).json();
      console.log(JSON.stringify({ names: names.toSorted(), host }));
    })();`;

  test('docker run joins an attachable network, and no other', async () => {
    const { node, stack } = world();
    const run = (network: string) =>
      node.tryDocker(
        'run',
        '--rm',
        `--network=${network}`,
        'tutti-demo/vote:1',
        'node',
        '-e',
        program,
      );
    const { code, stdout, stderr } = await run('net_front');
    assert.equal(code, 0, stderr);
    const seen = JSON.parse(stdout) as { readonly names: readonly string[]; readonly host: string };
    const [web, api] = [await stack.containers('web'), await stack.containers('api')];
    const expected = [
      await stack.virtualAddress('web', 'front'),
      ...api.map((one) => one.addresses.get('front') ?? ''),
      '198.51.100.2',
    ];
    assert.deepEqual(seen.names, expected.toSorted());
    assert.ok(web.some(({ hostname }) => hostname === seen.host));
    const refused = await run('net_apart');
    assert.notEqual(refused.code, 0);
    assert.match(refused.stderr, /network net_apart not manually attachable/);
  });

  test('an attachable network is there before any service is on it', async () => {
    const { node } = world();
    await node.docker('network', 'create', '--driver=overlay', '--attachable', 'meeting');
    const look = ['busybox', 'ip', '-o', '-4', 'address'];
    const out = await node.docker('run', '--rm', '--network=meeting', 'tutti-demo/vote:1', ...look);
    assert.match(out, /eth0 +inet 10\./);
    await node.docker('network', 'rm', 'meeting');
  });
}
