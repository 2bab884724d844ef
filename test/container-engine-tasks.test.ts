import assert from 'node:assert/strict';
import { mkdtempDisposableSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tmpdir } from 'node:os';
import { after, before, test } from 'node:test';
import { imageKeyLabel } from '../tools/images/image.ts';
import { inspectTask, tasksOf, untilRunning, untilTask } from './container-engine/inspected.ts';
import { startPrivateRegistry } from './container-engine/private-registry.ts';
import { onOwnHost } from './fixture/on-own-host.ts';
import { TestNode } from './fixture/test-node.ts';

const image = 'tutti-test/busybox:1';
const create = ['service', 'create', '--detach', '--quiet', '--no-resolve-image'];
const once = ['--restart-condition', 'none'];

let node: TestNode;

function register(): void {
  before(async () => {
    node = await TestNode.start({ engineSocket: process.env['TUTTI_TEST_ENGINE'] ?? '' });
    await node.docker('swarm', 'init', '--advertise-addr', '127.0.0.1');
  });
  after(async () => await node[Symbol.asyncDispose]());
  registerPull();
  registerEnds();
  registerStops();
  registerContainers();
}

function registerPull(): void {
  test('an image is pulled with the credentials of its service, which nobody logs', async () => {
    const login = { username: 'musician', password: 'a-very-secret-password' };
    const from = { engineSocket: node.engineSocket, image };
    await using registry = await startPrivateRegistry(from, login);
    using scratch = mkdtempDisposableSync(join(tmpdir(), 'tutti-docker-config-'));
    const auth = btoa(`${login.username}:${login.password}`);
    const config = JSON.stringify({ auths: { [registry.host]: { auth } } });
    writeFileSync(join(scratch.path, 'config.json'), config);

    await node.docker(...create, '--name', 'refused', ...once, registry.image);
    const refused = await untilTask(node, 'refused', (task) => task.Status.State === 'rejected');
    assert.match(refused.Status.Err ?? '', /No such image/);
    assert.equal(registry.counts.allowed, 0);

    const withLogin = ['--config', scratch.path, ...create, '--with-registry-auth'];
    await node.docker(...withLogin, '--name', 'private', registry.image);
    const task = await untilRunning(node, 'private');
    assert.ok(registry.counts.allowed > 0);
    assert.equal((await inspectTask(node, task)).State.Status, 'running');

    const { dataDirectory } = node.daemon;
    const files = [
      join(node.directory, 'daemon.log'),
      join(dataDirectory, 'manager/manager.log'),
      join(dataDirectory, 'agent/state.json'),
    ];
    const sent = Buffer.from(JSON.stringify(login)).toString('base64url').slice(0, 40);
    for (const file of files) {
      const text = readFileSync(file, 'utf8');
      for (const secret of [login.password, auth, sent]) assert.ok(!text.includes(secret), file);
    }
    await node.docker('service', 'rm', 'private', 'refused');
    await node.tryDocker('rmi', registry.image);
  });
}

function registerEnds(): void {
  test('a container that takes too much memory is reported as such', async () => {
    const limits = ['--limit-memory', '16M', ...once];
    await node.docker(...create, '--name', 'greedy', ...limits, image, 'tail', '/dev/zero');
    const task = await untilTask(node, 'greedy', (one) => one.Status.State === 'failed');
    assert.match(task.Status.Err ?? '', /too much memory/);
    assert.equal(task.Status.ContainerStatus?.ExitCode, 137);
    const { code, stdout } = await node.tutti(['why', 'service', 'greedy']);
    assert.equal(code, 0);
    assert.match(stdout, /limits\.memory|memory limit/);
    await node.docker('service', 'rm', 'greedy');
  });

  test('exit codes, and what cannot be started, are told in words', async () => {
    const cases = [
      { name: 'well', command: ['true'], state: 'complete', says: /^$/, code: 0 },
      { name: 'badly', command: ['sh', '-c', 'exit 7'], state: 'failed', says: /\(7\)/, code: 7 },
      {
        name: 'not-at-all',
        command: ['no-such-program'],
        state: 'failed',
        says: /no-such-program/,
      },
    ];
    for (const { name, command } of cases) {
      await node.docker(...create, '--name', name, ...once, image, ...command);
    }
    for (const { name, state, says, code } of cases) {
      const task = await untilTask(node, name, (one) => one.Status.State === state);
      assert.match(task.Status.Err ?? '', says);
      if (code !== undefined) assert.equal(task.Status.ContainerStatus?.ExitCode ?? 0, code);
    }
    await node.docker('service', 'rm', ...cases.map(({ name }) => name));
  });

  test('a container whose health check fails is replaced, and its last words are told', async () => {
    const check = ['--health-cmd', 'echo cannot play; exit 1', '--health-interval', '300ms'];
    const more = ['--health-retries', '2', '--restart-delay', '200ms'];
    await node.docker(...create, '--name', 'sick', ...check, ...more, image);
    const task = await untilTask(node, 'sick', (one) => one.Status.State === 'failed');
    assert.match(task.Status.Err ?? '', /unhealthy container: cannot play/);
    await untilTask(node, 'sick', (one) => one.ID !== task.ID && one.Status.State === 'failed');
    assert.ok((await tasksOf(node, 'sick')).length >= 2);
    await node.docker('service', 'rm', 'sick');
  });

  test('what containers print is told, each stream by itself', async () => {
    const command = ['sh', '-c', 'echo to the audience; echo to the crew >&2; exec obey'];
    await node.docker(...create, '--name', 'speaker', image, ...command);
    await untilRunning(node, 'speaker');
    const { stdout, stderr } = await node.tryDocker('service', 'logs', '--raw', 'speaker');
    assert.equal(stdout, 'to the audience\n');
    assert.equal(stderr, 'to the crew\n');
    await node.docker('service', 'rm', 'speaker');
  });
}

function registerStops(): void {
  test('a container is asked to stop, and killed when its grace period is over', async () => {
    const deaf = ['sh', '-c', 'trap "" TERM; while :; do sleep 1; done'];
    const grace = ['--stop-grace-period', '1s'];
    const listener = 'trap "exit 42" USR1; while :; do sleep 0.1; done';
    await node.docker(...create, '--name', 'deaf', ...grace, image, ...deaf);
    await node.docker(...create, '--name', 'polite', ...grace, image);
    const other = ['--stop-signal', 'SIGUSR1', ...grace];
    await node.docker(...create, '--name', 'other', ...other, image, 'sh', '-c', listener);
    for (const [service, code] of [
      ['deaf', 137],
      ['polite', 0],
      ['other', 42],
    ] as const) {
      const old = await untilRunning(node, service);
      await node.docker('service', 'update', '--detach', '--quiet', '--force', service);
      await untilTask(
        node,
        service,
        (task) => task.ID === old.ID && task.Status.State === 'shutdown',
      );
      assert.equal((await inspectTask(node, old)).State.ExitCode, code, service);
    }
    await node.docker('service', 'rm', 'deaf', 'polite', 'other');
  });
}

function registerContainers(): void {
  test('names and labels are those by which tools find the containers of Swarm', async () => {
    const labels = ['--label', 'of=the service', '--container-label', 'of=the container'];
    await node.docker(...create, '--name', 'named', ...labels, image);
    const task = await untilRunning(node, 'named');
    const container = await inspectTask(node, task);
    assert.equal(container.Name, `/named.1.${task.ID}`);
    // The image has a label too.
    const { 'dev.tutti.cluster': cluster, [imageKeyLabel]: _, ...others } = container.Config.Labels;
    assert.equal(cluster?.length, 25);
    assert.deepEqual(others, {
      of: 'the container',
      'com.docker.swarm.node.id': task.NodeID,
      'com.docker.swarm.service.id': task.ServiceID,
      'com.docker.swarm.service.name': 'named',
      'com.docker.swarm.task': '',
      'com.docker.swarm.task.id': task.ID,
      'com.docker.swarm.task.name': `named.1.${task.ID}`,
    });
    await node.docker('service', 'rm', 'named');
  });

  test('mounts of each kind are there', async () => {
    const mounts = [
      'type=tmpfs,destination=/in-memory,tmpfs-size=1048576,tmpfs-mode=700',
      'type=bind,source=/etc,destination=/of-the-host,readonly',
      'type=volume,source=mounts-test,destination=/kept',
      'type=volume,destination=/nameless',
    ].flatMap((mount) => ['--mount', mount]);
    await node.docker(...create, '--name', 'mounted', ...mounts, image);
    const task = await untilRunning(node, 'mounted');
    const { Id, Mounts } = await inspectTask(node, task);
    const found = Mounts.map(({ Type, Destination, RW }) => `${Type} ${Destination} ${RW}`);
    assert.deepEqual(found.toSorted(), [
      'bind /of-the-host false',
      'tmpfs /in-memory true',
      'volume /kept true',
      'volume /nameless true',
    ]);
    const size = await node.docker('exec', Id, 'df', '-k', '/in-memory');
    assert.match(size, / 1024 /);
    const nameless = Mounts.find(({ Destination }) => Destination === '/nameless')?.Name ?? '';
    assert.equal(nameless.length, 64);
    await node.docker('service', 'rm', 'mounted');
    await untilNoTask('mounted');
    const volumes = await node.docker('volume', 'ls', '--quiet');
    assert.ok(!volumes.includes(nameless), 'the nameless volume goes with its container');
    assert.ok(volumes.includes('mounts-test'), 'the named one stays');
    await node.docker('volume', 'rm', 'mounts-test');
  });

  test('limits and settings reach the container engine', async () => {
    const flags = [
      '--limit-cpu=0.5 --limit-memory=64M --limit-pids=20 --reserve-memory=32M',
      '--hostname=conductor --user=nobody --workdir=/tmp --env=TEMPO=allegro --init',
      '--cap-add=NET_ADMIN --cap-drop=CHOWN --ulimit=nofile=100:200 --read-only',
      '--sysctl=net.core.somaxconn=64 --host=stage:192.0.2.7 --stop-signal=SIGINT',
      '--log-driver=json-file --log-opt=max-size=1m',
    ].flatMap((line) => line.split(' '));
    await node.docker(...create, '--name', 'set', ...flags, image);
    const { Config, HostConfig } = await inspectTask(node, await untilRunning(node, 'set'));
    assert.equal(Config.Hostname, 'conductor');
    assert.equal(Config.User, 'nobody');
    assert.equal(Config.WorkingDir, '/tmp');
    assert.equal(Config.StopSignal, 'SIGINT');
    assert.ok(Config.Env.includes('TEMPO=allegro'));
    const expected = {
      NanoCpus: 500_000_000,
      Memory: 64 * 1024 ** 2,
      MemoryReservation: 32 * 1024 ** 2,
      PidsLimit: 20,
      Init: true,
      ReadonlyRootfs: true,
      ExtraHosts: ['stage:192.0.2.7'],
      Sysctls: { 'net.core.somaxconn': '64' },
      Ulimits: [{ Name: 'nofile', Soft: 100, Hard: 200 }],
      LogConfig: { Type: 'json-file', Config: { 'max-size': '1m' } },
      RestartPolicy: { Name: 'no', MaximumRetryCount: 0 },
    };
    for (const [name, value] of Object.entries(expected)) {
      assert.deepEqual(HostConfig[name], value, name);
    }
    assert.match(String(HostConfig['CapAdd']), /NET_ADMIN/);
    assert.match(String(HostConfig['CapDrop']), /CHOWN/);
    await node.docker('service', 'rm', 'set');
  });
}

async function untilNoTask(service: string): Promise<void> {
  const id = service;
  while ((await node.docker('ps', '--all', '--quiet', '--filter', `name=${id}`)) !== '');
}

onOwnHost(import.meta.filename, register);
