import assert from 'node:assert/strict';
import { hostname } from 'node:os';
import { test } from 'node:test';
import { hostAddress, outsideAddress } from './outside.ts';
import { type Answer, type Peer, type TaskContainer, until, type Who } from './stack.ts';
import { atHost, takenPort, type World } from './world.ts';

const refused = { error: 'ECONNREFUSED' };

/** Who answers, when asked often enough to meet everybody. */
async function hostsAt(ask: () => Promise<Answer<Who>>): Promise<readonly string[]> {
  const answers = await Promise.all(Array.from({ length: 24 }, ask));
  for (const answer of answers) assert.ok(answer.value, JSON.stringify(answer));
  return [...new Set(answers.map(({ value }) => value?.host ?? ''))].toSorted();
}

const hostnames = (tasks: readonly TaskContainer[]) => tasks.map((one) => one.hostname).toSorted();

/** Virtual addresses, and who cannot be reached. */
export function registerConnections(world: () => World): void {
  test('a virtual address leads everybody on its network to all tasks, themselves too', async () => {
    const { stack } = world();
    const web = await stack.containers('web');
    const client = await stack.container('client');
    const [first] = web;
    assert.ok(first);
    for (const caller of [client, first]) {
      assert.deepEqual(await hostsAt(() => caller.call('web:80')), hostnames(web), 'TCP');
      assert.deepEqual(await hostsAt(() => caller.send('web:80')), hostnames(web), 'UDP');
    }
    const { value } = await client.call('web:80');
    assert.equal(value?.client, client.addresses.get('front'), 'the client keeps its address');
  });

  test('a service without a ready task refuses at once, and serves when it is healthy', async () => {
    const { stack, outsider, insider } = world();
    const client = await stack.container('client');
    const sick = await stack.container('sick');
    assert.deepEqual(await client.call('sick:80'), refused);
    assert.deepEqual(await client.send('sick:80'), refused);
    assert.deepEqual(await outsider.call(atHost(8081)), refused);
    assert.deepEqual(await insider.call('127.0.0.1:8081'), refused);
    assert.equal((await client.lookup('tasks.sick')).value, undefined);
    await sick.becomeHealthy();
    const call = () => client.call('sick:80');
    const { value } = await until(call, (answer) => answer.value !== undefined);
    assert.equal(value?.host, sick.hostname);
    assert.equal((await outsider.call(atHost(8081))).value?.host, sick.hostname);
  });

  test('who shares no network reaches neither virtual address nor task', async () => {
    const { stack } = world();
    const [lone, taken, [web]] = await Promise.all([
      stack.container('lone'),
      stack.container('taken'),
      stack.containers('web'),
    ]);
    const vip = await stack.virtualAddress('web', 'front');
    const front = web?.addresses.get('front') ?? '';
    const ingress = web?.addresses.get('ingress') ?? '';
    assert.ok(front !== '' && ingress !== '' && taken.addresses.has('ingress'));
    const isCut = async (caller: Peer, to: string) => {
      const answers = await Promise.all([caller.call(`${to}:80`), caller.send(`${to}:80`)]);
      for (const { value } of answers) assert.equal(value, undefined, to);
    };
    await Promise.all([
      isCut(lone, vip),
      isCut(lone, front),
      isCut(lone, ingress),
      // Both are on the ingress network, which belongs to nobody.
      isCut(taken, ingress),
    ]);
  });

  test('an internal network has no way out, others have one', async () => {
    const { stack } = world();
    const [db, api] = [await stack.container('db'), await stack.container('api')];
    assert.equal((await db.call(outsideAddress)).value, undefined);
    assert.equal((await db.call(`${hostAddress}:8080`)).value, undefined);
    assert.equal((await api.call(outsideAddress)).value?.client, hostAddress);
    assert.ok((await api.call('db:80')).value, 'members reach each other');
    assert.ok((await db.call('api:80')).value, 'both ways');
  });
}

/** Published ports of mode `ingress`. */
export function registerPorts(world: () => World): void {
  test('a published port leads callers from elsewhere to all tasks, by their address', async () => {
    const { stack, outsider } = world();
    const web = hostnames(await stack.containers('web'));
    assert.deepEqual(await hostsAt(() => outsider.call(atHost(8080))), web, 'TCP');
    assert.deepEqual(await hostsAt(() => outsider.send(atHost(8080))), web, 'UDP');
    assert.equal((await outsider.call(atHost(8080))).value?.client, outsideAddress);
    assert.equal((await outsider.send(atHost(8080))).value?.client, outsideAddress);
  });

  test('a published port answers programs of this machine and tasks, too', async () => {
    const { stack, insider } = world();
    const tasks = await stack.containers('web');
    const [client, lone] = [await stack.container('client'), await stack.container('lone')];
    const [first] = tasks;
    assert.ok(first);
    for (const to of ['127.0.0.1:8080', atHost(8080)]) {
      assert.deepEqual(await hostsAt(() => insider.call(to)), hostnames(tasks), to);
      assert.deepEqual(await hostsAt(() => insider.send(to)), hostnames(tasks), `${to} by UDP`);
    }
    for (const caller of [client, lone, first]) {
      assert.deepEqual(await hostsAt(() => caller.call(atHost(8080))), hostnames(tasks));
      assert.deepEqual(await hostsAt(() => caller.send(atHost(8080))), hostnames(tasks));
    }
  });

  test('a port that a process has stays its own, and the service says so', async () => {
    const { node, outsider, insider } = world();
    for (const answer of [
      await outsider.call(atHost(takenPort)),
      await insider.call(`127.0.0.1:${takenPort}`),
    ]) {
      assert.equal(answer.value?.host, hostname());
    }
    const sentence = /on node-1 port 8099\/tcp is taken by \S+ \(process \d+\) of this machine/;
    const { stdout } = await node.tutti(['why', 'service', 'net_taken']);
    assert.match(stdout, sentence);
    const status = await node.tutti(['status']);
    assert.match(status.stdout, sentence);
    assert.notEqual(status.code, 0);
  });

  test('`tutti why port` says whose a port is, and to whom it leads', async () => {
    const { node } = world();
    const why = async (port: string) => {
      const { code, stdout, stderr } = await node.tutti(['why', 'port', port]);
      assert.equal(code, 0, stderr);
      return stdout;
    };
    const web = await why('8080/tcp');
    assert.match(web, /^port 8080\/tcp\n {2}service net_web publishes 8080\/tcp on every node\n/);
    assert.equal(web.match(/back end: net_web\.\d\.\S+ on this node, at 10\.\S+:80$/gm)?.length, 2);
    assert.match(await why('8090'), /task net_by-host\.1\.\S+ of service \S+ publishes 8090\/tcp/);
    const taken = await why(String(takenPort));
    assert.match(taken, /does not lead there: port 8099\/tcp is taken by \S+ \(process \d+\)/);
    assert.match(
      await why('81'),
      /no service publishes it.*\n.*Published on this node: .*8080\/tcp/,
    );
    const { code, stderr } = await node.tutti(['why', 'port', 'http']);
    assert.equal(code, 2, stderr);
    assert.match(stderr, /port: expected a number up to 65535/);
  });
}
