import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { tuttiCommand } from '../tools/daemon/start-daemon.ts';
import { onOwnHost } from './fixture/on-own-host.ts';
import { type Finished, runApart } from './fixture/run-apart.ts';
import { TestPlayground } from './fixture/test-playground.ts';

/* One manager and two workers with a container engine each, by the docker command alone. */

const image = 'tutti-test/busybox:1';
const waitLimitMs = 60_000;
const lookEveryMs = 100;

let site: TestPlayground;

onOwnHost(import.meta.filename, () => {
  before(async () => {
    site = await TestPlayground.up({ name: 'join', workers: 2, cluster: false });
  });
  after(async () => await site[Symbol.asyncDispose]());
  registerJoinTests();
  registerWorkTests();
  registerLeaveTests();
});

/** The docker command, which may fail. */
async function tryDocker(host: string, ...parameters: readonly string[]): Promise<Finished> {
  const { apiSocket } = site.host(host);
  return await runApart('docker', [`--host=unix://${apiSocket}`, ...parameters]);
}

const manager = (...parameters: readonly string[]): Promise<string> =>
  site.docker('manager-1', ...parameters);

async function refusal(host: string, ...parameters: readonly string[]): Promise<string> {
  const { code, stderr } = await tryDocker(host, ...parameters);
  assert.notEqual(code, 0, `docker ${parameters.join(' ')} succeeded`);
  return stderr;
}

const address = (): string => `${site.host('manager-1').address}:2377`;
const token = (role = 'worker'): Promise<string> => manager('swarm', 'join-token', '-q', role);

/** `host status availability managerStatus` of each node, by name. */
async function nodes(): Promise<readonly string[]> {
  const format = '{{.Hostname}} {{.Status}} {{.Availability}} {{.ManagerStatus}}';
  const text = await manager('node', 'ls', '--format', format);
  return text
    .split('\n')
    .map((line) => line.trim())
    .toSorted();
}

/** Containers of the service on a host, by its own engine. */
async function containersOn(host: string): Promise<number> {
  const text = await site.engine(host, 'ps', '-q', '--filter', 'name=spread');
  return text.split('\n').filter((line) => line !== '').length;
}

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const giveUpAt = Date.now() + waitLimitMs;
  while (!(await isSo())) {
    assert.ok(Date.now() < giveUpAt, `${what}: not in time; ${(await nodes()).join(', ')}`);
    await sleep(lookEveryMs);
  }
}

function registerJoinTests(): void {
  test('workers join with the docker command as it prints it, and are seen at their addresses', async () => {
    const { address: own } = site.host('manager-1');
    const said = await manager('swarm', 'init', '--advertise-addr', own);
    const line = /docker swarm join --token \S+ \S+/.exec(said)?.[0] ?? '';
    assert.match(line, new RegExp(`${own.replaceAll('.', '\\.')}:2377$`));
    const words = line.split(' ').slice(1);
    for (const host of ['worker-1', 'worker-2']) {
      assert.equal(await site.docker(host, ...words), 'This node joined a swarm as a worker.');
    }
    await site.untilReady(3);
    assert.deepEqual(await nodes(), [
      'manager-1 Ready Active Leader',
      'worker-1 Ready Active',
      'worker-2 Ready Active',
    ]);
    const seen = await manager('node', 'inspect', 'worker-1', '--format', '{{.Status.Addr}}');
    assert.equal(seen, site.host('worker-1').address);
    assert.match(await refusal('worker-1', ...words), /already part of a swarm/);
    assert.match(await refusal('manager-1', ...words), /already part of a swarm/);
  });

  test('a worker says what it is, and shows nothing of the cluster', async () => {
    const format =
      '{{.Swarm.LocalNodeState}} {{.Swarm.ControlAvailable}} {{.Swarm.NodeAddr}} ' +
      '{{range .Swarm.RemoteManagers}}{{.Addr}}{{end}}';
    assert.equal(
      await site.docker('worker-1', 'info', '--format', format),
      `active false ${site.host('worker-1').address} ${address()}`,
    );
    for (const command of [
      'node ls',
      'service ls',
      'stack ls',
      'secret ls',
      'swarm join-token worker',
    ]) {
      assert.match(
        await refusal('worker-1', ...command.split(' ')),
        /Worker nodes can't be used to view or modify cluster state/,
        command,
      );
    }
    assert.match(await refusal('worker-1', 'swarm', 'init'), /already part of a swarm/);
    assert.match(await site.docker('worker-1', 'network', 'ls', '-q'), /^\w+/);
  });
}

function registerWorkTests(): void {
  test('tasks run on all nodes, and a drained node gives its own away', async () => {
    await manager(
      'service',
      'create',
      '-d',
      '--name=spread',
      '--replicas=6',
      '--stop-grace-period=1s',
      image,
      'sleep',
      '999',
    );
    for (const host of ['manager-1', 'worker-1', 'worker-2']) {
      await until(`${host} runs two`, async () => (await containersOn(host)) === 2);
    }
    await manager('node', 'update', '--availability=drain', '--label-add=a=b', 'worker-2');
    await until('worker-2 is empty', async () => (await containersOn('worker-2')) === 0);
    assert.ok((await nodes()).includes('worker-2 Ready Drain'));
    const label = await manager('node', 'inspect', 'worker-2', '--format', '{{.Spec.Labels.a}}');
    assert.equal(label, 'b');
    await manager('node', 'update', '--availability=active', 'worker-2');
    assert.match(await refusal('manager-1', 'node', 'demote', 'manager-1'), /last manager/);
  });

  test('a rotated authority reaches the workers, and the old token lets nobody in', async () => {
    const before_ = await token();
    await manager('swarm', 'ca', '--rotate', '--detach');
    const rotating = '{{.Swarm.Cluster.RootRotationInProgress}}';
    await until('the rotation is over', async () => {
      return (await manager('info', '--format', rotating)) === 'false';
    });
    await site.untilReady(3);
    assert.equal(await containersOn('worker-1'), 3, 'no task noticed');
    await site.docker('worker-2', 'swarm', 'leave');
    const join = ['swarm', 'join', '--token'];
    assert.match(
      await refusal('worker-2', ...join, before_, address()),
      /its certificate authority is not the one that the token names/,
    );
    const current = await token();
    const wrong = current.replace(/.$/, (last) => (last === 'a' ? 'b' : 'a'));
    assert.match(await refusal('worker-2', ...join, wrong, address()), /not the current one/);
    assert.match(await refusal('worker-2', ...join, 'SWMTKN', address()), /is not one/);
    const tutti = ['swarm', 'join', `--socket=${site.host('worker-2').apiSocket}`];
    const refused = await runApart(tuttiCommand, [...tutti, '--token=SWMTKN', address()]);
    assert.match(refused.stderr, /the join token is not one/);
    const joined = await runApart(tuttiCommand, [...tutti, `--token=${current}`, address()]);
    assert.equal(joined.stdout, 'this machine is a node of the cluster\n', joined.stderr);
    assert.ok((await nodes()).includes('worker-2 Down Active'), 'the node that it was');
  });
}

function registerLeaveTests(): void {
  test('a node that is not down is removed by force alone; then it is refused', async () => {
    assert.match(await refusal('manager-1', 'node', 'rm', 'worker-1'), /is not down/);
    await manager('node', 'rm', '--force', 'worker-1');
    await until('its tasks run elsewhere', async () => {
      const here = await Promise.all(['manager-1', 'worker-2'].map(containersOn));
      return here.reduce((sum, count) => sum + count, 0) === 6;
    });
    await until('it hears why', async () => {
      return (await site.docker('worker-1', 'info', '--format', '{{.Swarm.Error}}')).includes(
        'it was removed',
      );
    });
    await site.docker('worker-1', 'swarm', 'leave');
    assert.equal(await containersOn('worker-1'), 0);
    assert.equal(
      await site.docker('worker-1', 'info', '--format', '{{.Swarm.LocalNodeState}}'),
      'inactive',
    );
  });

  test('a daemon that comes back is the node that it was', async () => {
    // Where it was taken for down for a moment, all of them run on the manager.
    if ((await containersOn('worker-2')) === 0) {
      await manager('service', 'update', '--detach', '--force', 'spread');
    }
    await until('it has tasks', async () => (await containersOn('worker-2')) > 0);
    await until('all run', async () => {
      const here = await Promise.all(['manager-1', 'worker-2'].map(containersOn));
      return here.reduce((sum, count) => sum + count, 0) === 6;
    });
    const running = await containersOn('worker-2');
    await site.change('kill', ['worker-2'], 'daemon');
    await site.change('start', ['worker-2']);
    await until('it is ready', async () => (await nodes()).includes('worker-2 Ready Active'));
    assert.equal(await containersOn('worker-2'), running, 'no task noticed');
  });

  test('a manager that comes back finds its workers', async () => {
    const running = await containersOn('worker-2');
    await site.change('kill', ['manager-1'], 'manager');
    await until('it is ready', async () => (await nodes()).includes('worker-2 Ready Active'));
    assert.equal(await containersOn('worker-2'), running, 'no task noticed');
  });

  test('when the manager leaves, its workers do, and nothing is left on them', async () => {
    await manager('swarm', 'leave', '--force');
    for (const host of ['manager-1', 'worker-1', 'worker-2']) {
      const state = await site.docker(host, 'info', '--format', '{{.Swarm.LocalNodeState}}');
      assert.equal(state, 'inactive', host);
      assert.equal(await site.engine(host, 'ps', '-aq'), '', host);
    }
  });
}
