import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { NodeIdentity } from '../src/host/node-identity.ts';
import { peerPort } from '../src/wire/manager-calls.ts';
import { askPeer } from './etcd/ask-peer.ts';
import { onOwnHost } from './fixture/on-own-host.ts';
import { type Finished, runApart } from './fixture/run-apart.ts';
import { TestPlayground } from './fixture/test-playground.ts';

/* Who is a manager, by the docker command alone: four hosts with a container engine each. */

const image = 'tutti-test/busybox:1';
const waitLimitMs = 60_000;
const commandLimitMs = 30_000;
const lookEveryMs = 100;
const untilStopped = 'trap exit TERM; sleep 999 & wait';
const hosts = ['manager-1', 'worker-1', 'worker-2', 'worker-3'] as const;
type Host = (typeof hosts)[number];

let site: TestPlayground;
/** Configs whose creation was acknowledged. */
const acknowledged: string[] = [];
let leader: Host = 'manager-1';

onOwnHost(import.meta.filename, () => {
  before(async () => {
    site = await TestPlayground.up({ name: 'membership', workers: 3, cluster: false });
  });
  after(async () => await site[Symbol.asyncDispose]());
  registerArrivals();
  registerRefusals();
  registerMoves();
  registerFaults();
  registerDepartures();
});

async function tryDocker(host: Host, ...parameters: readonly string[]): Promise<Finished> {
  const { apiSocket } = site.host(host);
  const signal = AbortSignal.timeout(commandLimitMs);
  return await runApart('docker', [`--host=unix://${apiSocket}`, ...parameters], { signal });
}

async function refusal(host: Host, ...parameters: readonly string[]): Promise<string> {
  const { code, stderr } = await tryDocker(host, ...parameters);
  assert.notEqual(code, 0, `docker ${parameters.join(' ')} succeeded`);
  return stderr;
}

/** `host status managerStatus` of each node by name, as a manager shows it. */
async function nodes(through: Host): Promise<readonly string[]> {
  const format = '{{.Hostname}} {{.Status}} {{.ManagerStatus}}';
  const { stdout, stderr } = await tryDocker(through, 'node', 'ls', '--format', format);
  const lines = stdout.split('\n').map((line) => line.trim());
  return stderr === '' ? lines.filter((line) => line !== '').toSorted() : [stderr];
}

async function until(what: string, through: Host, isSo: () => Promise<boolean>): Promise<void> {
  const giveUpAt = Date.now() + waitLimitMs;
  while (!(await isSo())) {
    if (Date.now() > giveUpAt) {
      const { stdout } = await tryDocker(through, 'service', 'ps', '--no-trunc', 'web', 'keeper');
      assert.fail(`${what}: not in time; ${(await nodes(through)).join(', ')}\n${stdout}`);
    }
    await sleep(lookEveryMs);
  }
}

async function untilNode(through: Host, line: string): Promise<void> {
  await until(line, through, async () => (await nodes(through)).includes(line));
}

/** Of the service, on all hosts. */
async function containers(): Promise<readonly string[]> {
  const all = await Promise.all(
    hosts.map(async (host) =>
      site.engine(host, 'ps', '-q', '--filter', 'label=com.docker.swarm.service.name=web'),
    ),
  );
  return all.flatMap((text) => text.split('\n').filter((line) => line !== '')).toSorted();
}

async function write(through: Host, name: string): Promise<boolean> {
  const body = { Name: name, Data: Buffer.from(name).toString('base64') };
  const signal = AbortSignal.timeout(commandLimitMs);
  const call = { method: 'POST', path: '/configs/create', body, signal } as const;
  const isDone = await site
    .client(through)
    .call(call)
    .then(
      () => true,
      () => false,
    );
  if (isDone) acknowledged.push(name);
  return isDone;
}

async function assertNothingLost(through: Host): Promise<void> {
  const names = await site.docker(through, 'config', 'ls', '--format={{.Name}}');
  const there = new Set(names.split('\n'));
  assert.deepEqual(
    acknowledged.filter((name) => !there.has(name)),
    [],
    `through ${through}`,
  );
}

/** What the service with the secret wrote, by the engine of its host; empty: nothing yet. */
async function keeperSaid(): Promise<string> {
  const format = ['ps', '-q', '--filter', 'label=com.docker.swarm.service.name=keeper'];
  for (const host of ['worker-1', 'worker-2', 'worker-3'] as const) {
    const id = await site.engine(host, ...format);
    if (id !== '') return await site.engine(host, 'logs', id);
  }
  return '';
}

/** Whether a member of the managers' store talks to this node, asked like a peer. */
async function peerTalksTo(node: Host, manager: Host, path: string): Promise<boolean> {
  const file = join(site.host(node).directory, 'tutti/identity/node.json');
  const { key, membership } = JSON.parse(await readFile(file, 'utf8')) as NodeIdentity;
  assert.ok(membership);
  const { certificate: cert, roots: ca } = membership;
  const url = `https://${site.host(manager).address}:${peerPort}`;
  return await askPeer({ url, key, cert, ca, path }).then(
    () => true,
    () => false,
  );
}

/** The TCP ports that other machines find open on a host. */
async function openPorts(host: Host): Promise<readonly number[]> {
  const { stdout } = await site.enter(host, ['ss', '-Hltn']);
  const local = stdout.split('\n').flatMap((line) => line.trim().split(/\s+/)[3] ?? []);
  const outward = local.filter((address) => !/^(127\.|\[::1\])/.test(address));
  return outward.map((address) => Number(address.split(':').at(-1))).toSorted((a, b) => a - b);
}

function registerArrivals(): void {
  test('the second and the third manager join under traffic: nothing is lost, no task notices', async () => {
    const { address } = site.host('manager-1');
    await site.docker('manager-1', 'swarm', 'init', '--advertise-addr', address);
    const token = (role: string) => site.docker('manager-1', 'swarm', 'join-token', '-q', role);
    const join = async (host: Host, role: string): Promise<string> =>
      await site.docker(host, 'swarm', 'join', '--token', await token(role), `${address}:2377`);
    assert.match(await join('worker-3', 'worker'), /as a worker/);
    const { apiSocket } = site.host('manager-1');
    const secret = [`--host=unix://${apiSocket}`, 'secret', 'create', 'word', '-'];
    assert.equal((await runApart('docker', secret, { input: 'sesame' })).code, 0);
    const service = ['service', 'create', '-d', '--name=web', '--replicas=4'];
    await site.docker('manager-1', ...service, image, 'sh', '-c', untilStopped);
    await until('four run', 'manager-1', async () => (await containers()).length === 4);
    const before_ = await containers();
    const arrived = new AbortController();
    const writing = (async () => {
      for (let n = 0; !arrived.signal.aborted; n += 1) {
        await write('manager-1', `moved-${n}`);
        await sleep(lookEveryMs);
      }
    })();
    try {
      assert.match(await join('worker-1', 'manager'), /as a manager/);
      assert.match(await join('worker-2', 'manager'), /as a manager/);
    } finally {
      arrived.abort();
      await writing;
    }
    assert.ok(acknowledged.length > 10, `${acknowledged.length} were written meanwhile`);
    for (const host of ['manager-1', 'worker-1', 'worker-2'] as const) {
      await until(`${host} shows all`, host, async () => {
        const seen = await nodes(host);
        return [
          'manager-1 Ready Leader',
          'worker-1 Ready Reachable',
          'worker-2 Ready Reachable',
        ].every((line) => seen.includes(line));
      });
      assert.ok((await nodes(host)).includes('worker-3 Ready'));
      await assertNothingLost(host);
    }
    assert.deepEqual(await containers(), before_);
    const format = '{{.Swarm.ControlAvailable}} {{.Swarm.Managers}} {{.Swarm.NodeAddr}}';
    assert.equal(
      await site.docker('worker-2', 'info', '--format', format),
      `true 3 ${site.host('worker-2').address}`,
    );
    assert.match(await refusal('worker-2', 'swarm', 'leave'), /participating as a manager/);
    assert.match(await refusal('worker-2', 'swarm', 'init'), /already part of a swarm/);
  });
}

function registerRefusals(): void {
  test("a worker's certificate opens nothing of the managers' store", async () => {
    const asked = ['/version', '/members', '/raft', '/raft/stream/message/1', '/raft/snapshot'];
    for (const manager of ['manager-1', 'worker-1', 'worker-2'] as const) {
      assert.deepEqual(await openPorts(manager), [2377, peerPort], manager);
      assert.ok(await peerTalksTo('worker-1', manager, '/version'), `${manager} to a manager`);
      for (const path of asked) {
        assert.equal(await peerTalksTo('worker-3', manager, path), false, `${manager}${path}`);
      }
    }
  });
}

/** Gives a host another address in the place of its own, as a lease that ended does. */
async function renumber(host: Host, address: string): Promise<void> {
  const before_ = site.host(host).address;
  for (const change of [
    ['del', before_],
    ['add', address],
  ] as const) {
    const [verb, which] = change;
    const words = ['ip', 'address', verb, `${which}/24`, 'dev', 'eth0'];
    const { code, stderr } = await site.enter(host, words);
    assert.equal(code, 0, stderr);
  }
}

/** Where others find a node: as a node, and as a manager. */
async function foundAt(through: Host, host: Host): Promise<string> {
  const format = '{{.Status.Addr}} {{if .ManagerStatus}}{{.ManagerStatus.Addr}}{{end}}';
  return (await tryDocker(through, 'node', 'inspect', '--format', format, host)).stdout.trim();
}

function registerMoves(): void {
  test('a manager and a worker are found at their next addresses, and nothing stops', async () => {
    const before_ = await containers();
    await renumber('worker-2', '198.18.0.42');
    await until('the manager is found', 'manager-1', async () => {
      return (await foundAt('manager-1', 'worker-2')) === '198.18.0.42 198.18.0.42:2377';
    });
    await untilNode('manager-1', 'worker-2 Ready Reachable');
    assert.ok(await write('worker-2', 'renumbered'), 'a write through it');
    await renumber('worker-3', '198.18.0.43');
    await until('the worker is found', 'manager-1', async () => {
      return (await foundAt('manager-1', 'worker-3')) === '198.18.0.43';
    });
    await untilNode('manager-1', 'worker-3 Ready');
    const format = '{{.Swarm.NodeAddr}} {{range .Swarm.RemoteManagers}}{{.Addr}} {{end}}';
    const told = await site.docker('worker-3', 'info', '--format', format);
    assert.match(told, /^198\.18\.0\.43 (?=.*198\.18\.0\.42:2377)/);
    await assertNothingLost('worker-2');
    assert.deepEqual(await containers(), before_);
  });
}

function registerFaults(): void {
  test('when the leader loses its power, another one leads, and opens what was sealed', async () => {
    await site.change('kill', [leader]);
    await until('a write through a survivor', 'worker-1', () => write('worker-1', 'survived'));
    const led = (await nodes('worker-1')).find((line) => line.endsWith('Leader')) ?? '';
    leader = hosts.find((host) => led.startsWith(host)) ?? 'worker-1';
    assert.notEqual(leader, 'manager-1');
    await assertNothingLost('worker-2');
    const service = ['service', 'create', '-d', '--name=keeper', '--secret=word'];
    const script = `cat /run/secrets/word; echo; ${untilStopped}`;
    await site.docker('worker-2', ...service, image, 'sh', '-c', script);
    await until('it reads its secret', 'worker-1', async () => (await keeperSaid()) === 'sesame');
  });

  test('nobody is demoted whom the next write needs, and the reason is said', async () => {
    const other = leader === 'worker-1' ? 'worker-2' : 'worker-1';
    const said = await refusal('worker-1', 'node', 'demote', other);
    assert.match(said, /of the 2 managers after that, 1 would answer, and 2 must for any write/);
    await untilNode('worker-1', `${other} Ready Reachable`);
    await site.change('start', ['manager-1']);
    await untilNode('worker-1', 'manager-1 Ready Reachable');
    await assertNothingLost('manager-1');
  });
}

function registerDepartures(): void {
  test('a worker is promoted; when it is lost, it is removed by force', async () => {
    assert.match(await site.docker('worker-2', 'node', 'promote', 'worker-3'), /promoted/);
    await untilNode('worker-1', 'worker-3 Ready Reachable');
    await assertNothingLost('worker-3');
    assert.match(await refusal('worker-1', 'node', 'rm', 'worker-3'), /must be demoted/);
    await site.change('kill', ['worker-3']);
    await untilNode('worker-1', 'worker-3 Down Unreachable');
    await site.docker('worker-1', 'node', 'rm', '--force', 'worker-3');
    assert.equal((await nodes('worker-2')).length, 3);
  });

  test('the leader is demoted, and goes on as a worker', async () => {
    await site.docker('manager-1', 'node', 'demote', leader);
    const other = leader === 'worker-1' ? 'worker-2' : 'worker-1';
    await untilNode(other, `${leader} Ready`);
    await until('it says so', other, async () => {
      const state = await site.docker(leader, 'info', '--format={{.Swarm.ControlAvailable}}');
      return state === 'false';
    });
    await assertNothingLost(other);
  });

  test('managers leave by force until one is left, which is not demoted', async (context) => {
    await site.docker('worker-1', 'swarm', 'leave', '--force');
    await untilNode('manager-1', 'worker-1 Down');
    await site.docker('worker-2', 'swarm', 'leave', '--force');
    await untilNode('manager-1', 'worker-2 Down');
    assert.ok((await nodes('manager-1')).includes('manager-1 Ready Leader'));
    assert.match(await refusal('manager-1', 'node', 'demote', 'manager-1'), /last manager/);
    await assertNothingLost('manager-1');
    // Whatever becomes of the answer: that it left is what counts.
    const left = await tryDocker('manager-1', 'swarm', 'leave', '--force');
    if (left.code !== 0) {
      const log = await readFile(join(site.host('manager-1').directory, 'daemon.log'), 'utf8');
      context.diagnostic(`${left.stderr}\n${log.split('\n').slice(-40).join('\n')}`);
    }
    await until('it is in no cluster', 'manager-1', async () => {
      const format = '--format={{.Swarm.LocalNodeState}}';
      return (await tryDocker('manager-1', 'info', format)).stdout.trim() === 'inactive';
    });
    const { address } = site.host('manager-1');
    await site.docker('manager-1', 'swarm', 'init', '--advertise-addr', address);
  });
}
