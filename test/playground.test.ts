import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, globSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { LinuxPlaygroundMachine } from '../src/os/playground-machine.ts';
import { hostVariable, idVariable } from '../src/playground/processes.ts';
import { engineAnswers } from '../tools/engine/engine-request.ts';
import { tuttiCommand } from '../tools/daemon/start-daemon.ts';
import { type MachineState, readMachineState } from './fixture/machine-state.ts';
import { onOwnHost } from './fixture/on-own-host.ts';
import { playground, TestPlayground } from './fixture/test-playground.ts';

const engineSocket = process.env['TUTTI_TEST_ENGINE'] ?? '';
const roots = ['/run/tutti-playground', '/var/lib/tutti-playground'];
const datagrams = [process.execPath, join(import.meta.dirname, 'playground/datagrams.ts')];
const pollMs = 5;
/** Long enough that answers would come where any do. */
const silenceMs = 500;

let site: TestPlayground;
let untouched: MachineState;

onOwnHost(import.meta.filename, () => {
  before(async () => {
    untouched = await readMachine();
    site = await TestPlayground.up({ name: 'test', workers: 1 });
    const parameters = ['playground', 'exec', '--name=test', 'manager-1', '--'];
    const serving = spawn(tuttiCommand, [...parameters, ...datagrams, 'serve'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    // It ends with its host.
    await once(serving.stdout, 'data');
  });
  after(async () => {
    await playground('down', '--name=test');
  });
  registerLinkTests();
  registerHostTests();
  registerRemovalTests();
});

/** How many of as many datagrams of the worker the manager answers. */
async function ask(count: number, limitMs = 30_000): Promise<number> {
  const words = [...datagrams, 'ask', 'manager-1', String(count), String(limitMs)];
  const { stdout, stderr } = await site.enter('worker-1', words);
  assert.equal(stderr, '');
  return Number(stdout);
}

async function seenByManager(): Promise<number> {
  return Number((await site.enter('manager-1', [...datagrams, 'seen', 'localhost'])).stdout);
}

function registerLinkTests(): void {
  test('hosts know each other by name, and links can be cut both ways, one way, and healed', async () => {
    assert.equal(await ask(10), 10);
    assert.equal(await seenByManager(), 10);

    const cut = await site.run('partition', 'worker-1');
    assert.equal(cut.cuts.length, 2);
    assert.equal(await ask(10, silenceMs), 0);
    assert.equal(await seenByManager(), 0);

    await site.heal();
    await site.partition({ hosts: ['worker-1'], from: ['manager-1'], oneWay: 'in' });
    assert.equal(await ask(10, silenceMs), 0, 'worker-1 hears nothing');
    assert.equal(await seenByManager(), 10, 'and is heard');

    const { cuts } = await site.run('heal', 'worker-1');
    assert.deepEqual(cuts, []);
    assert.equal(await ask(10), 10);
  });

  test('a part of the packets gets lost, in the direction that was named', async () => {
    await seenByManager();
    await site.run('loss', 'worker-1', '50%', '--one-way=out');
    const answered = await ask(400);
    const seen = await seenByManager();
    // Of 400 draws less than 120 or more than 280 come once in more than 10^15 times.
    assert.ok(answered > 120 && answered < 280, `${answered} of 400 were answered`);
    assert.equal(seen, answered, 'none was lost on the way back');
    const { losses } = await site.run('loss', 'worker-1', '0%');
    assert.deepEqual(losses, []);
    assert.equal(await ask(20), 20);
  });
}

function registerHostTests(): void {
  test('the hosts are one cluster, and tasks run on all of them', async () => {
    const roles = await site.docker(
      'manager-1',
      'node',
      'ls',
      '--format={{.Hostname}} {{.ManagerStatus}}',
    );
    assert.deepEqual(
      roles.split('\n').map((line) => line.trim()),
      ['manager-1 Leader', 'worker-1'],
    );
    const image = 'tutti-test/busybox:1';
    await site.docker('manager-1', 'service', 'create', '--name=both', '--mode=global', image);
    for (const host of ['manager-1', 'worker-1']) {
      assert.match(await site.engine(host, 'ps', '--format={{.Names}}'), /^both\./);
    }
    await site.docker('manager-1', 'service', 'rm', 'both');
  });

  test('a program on a host gets its words as they are, and its exit code is told', async () => {
    const { stdout } = await site.exec('worker-1', ['echo', '--json', '-a', '--', '--name']);
    assert.equal(stdout, '--json -a -- --name\n');
    assert.equal((await site.exec('worker-1', ['hostname'])).stdout, 'worker-1\n');
    const code = '--eval=process.exit(7)';
    assert.equal((await site.exec('worker-1', [process.execPath, code])).code, 7);
    const { stdout: node } = await site.exec('worker-1', [
      'docker',
      'info',
      '--format={{.Name}} {{.LiveRestoreEnabled}}',
    ]);
    assert.equal(node, 'worker-1 true\n');
  });

  test('containers outlive their engine, and what is on disk outlives the power', async () => {
    await site.engine('worker-1', 'run', '--detach', '--name=stays', 'tutti-test/busybox:1');
    const before_ = await site.report();
    const pid = before_.hosts[1]?.pids['engine'];
    assert.ok(globSync(`/sys/fs/cgroup/**/tutti-playground-*/worker-1/*`).length > 0);
    await site.change('kill', ['worker-1'], 'engine');
    const killed = await site.run('kill', 'worker-1', 'daemon');
    assert.equal(killed.hosts[1]?.state, 'degraded');
    const started = await site.run('start', 'worker-1');
    assert.equal(started.hosts[1]?.state, 'running');
    assert.notEqual(started.hosts[1]?.pids['engine'], pid);
    assert.equal(await site.engine('worker-1', 'ps', '--format={{.Names}}'), 'stays');

    const off = await site.run('kill', 'worker-1');
    assert.equal(off.hosts[1]?.state, 'off');
    await killStartHalfWay('worker-1');
    await site.change('start', ['worker-1']);
    assert.equal(await site.engine('worker-1', 'ps', '--format={{.Names}}'), '');
    assert.equal(await site.engine('worker-1', 'ps', '--all', '--format={{.Names}}'), 'stays');
    assert.equal(await ask(5), 5);
    await site.engine('worker-1', 'rm', 'stays');
  });

  test('what is frozen does not answer until it is let go', async () => {
    const { apiSocket } = site.host('worker-1');
    const frozen = await site.run('freeze', 'worker-1', 'daemon');
    assert.equal(frozen.hosts[1]?.state, 'frozen');
    assert.equal(await engineAnswers(apiSocket), false);
    await site.change('start', ['worker-1']);
    assert.equal(await engineAnswers(apiSocket), true);
  });
}

function registerRemovalTests(): void {
  test('two playgrounds stand side by side, and one goes without the other', async () => {
    await using other = await TestPlayground.up({
      name: 'other',
      workers: 0,
      images: [],
      cluster: false,
    });
    const both = JSON.parse((await playground('ls', '--json')).stdout) as readonly unknown[];
    assert.equal(both.length, 2);
    assert.notEqual((await other.report()).subnet, (await site.report()).subnet);
    const { code, stderr } = await playground('heal');
    assert.equal(code, 2);
    assert.match(stderr, /several playgrounds\nName one of other, test/);
    await other[Symbol.asyncDispose]();
    assert.equal(await ask(3), 3);
  });

  test('a playground comes back on a machine that was switched off', async () => {
    const { subnet } = await site.report();
    switchOff(idOf('test'));
    rmSync('/run/tutti-playground/test', { recursive: true, force: true });
    const off = await site.report();
    assert.deepEqual(
      off.hosts.map(({ state }) => state),
      ['off', 'off'],
    );
    await site.run('start', 'manager-1', 'worker-1');
    const on = await site.report();
    assert.equal(on.subnet, subnet);
    const { stdout } = await site.enter('worker-1', ['getent', 'hosts', 'manager-1']);
    assert.match(stdout, /^198\.18\./);
    await site.untilReady(2);
  });

  test('down leaves nothing, also with programs on the hosts and links cut', async () => {
    await site.run('partition', 'worker-1');
    const id = idOf('test');
    assert.equal((await playground('down', '--name=test')).code, 0);
    assertGone(id);
    await assertUntouched();
    assert.equal((await playground('down', '--name=test')).code, 0, 'and once more');
  });

  const moments = {
    state: '/var/lib/tutti-playground/half/state.json',
    engine: '/run/tutti-playground/half/manager-1/docker.pid',
    daemon: '/run/tutti-playground/half/manager-1/tutti.sock',
  };
  for (const [what, file] of Object.entries(moments)) {
    test(`down leaves nothing of an up that was killed when there was its ${what}`, async () => {
      const up = spawn(tuttiCommand, ['playground', 'up', '--name=half', '--no-cluster']);
      const ended = once(up, 'exit');
      while (!existsSync(file)) {
        assert.equal(up.exitCode, null, 'up ended too early');
        await sleep(pollMs);
      }
      up.kill('SIGKILL');
      await ended;
      const id = idOf('half');
      const again = await playground('up', '--name=half');
      assert.equal(again.code, 2);
      assert.match(again.stderr, /there is a playground half already/);
      await killDownHalfWay('half');
      assert.equal((await playground('down')).code, 0);
      assertGone(id);
      await assertUntouched();
    });
  }
}

/** Ends everything of a playground at once. */
function switchOff(id: string): void {
  const machine = new LinuxPlaygroundMachine({ entry: '' });
  for (const { pid, environment } of machine.listProcesses([idVariable])) {
    if (environment[idVariable] === id) machine.signal(pid, 'SIGKILL');
  }
}

/** Kills a `start` once there is a first process: the host must not be taken for a whole one. */
async function killStartHalfWay(host: string): Promise<void> {
  const start = spawn(tuttiCommand, ['playground', 'start', '--name=test', host]);
  const ended = once(start, 'exit');
  const id = idOf('test');
  const isHalf = () =>
    new LinuxPlaygroundMachine({ entry: '' })
      .listProcesses([idVariable, hostVariable])
      .some(
        ({ environment }) => environment[idVariable] === id && environment[hostVariable] === host,
      );
  while (!isHalf()) {
    assert.equal(start.exitCode, null, 'start ended too early');
    await sleep(pollMs);
  }
  start.kill('SIGKILL');
  await ended;
}

/** Kills a `down` once it began. */
async function killDownHalfWay(name: string): Promise<void> {
  const down = spawn(tuttiCommand, ['playground', 'down', `--name=${name}`]);
  const ended = once(down, 'exit');
  const file = `/var/lib/tutti-playground/${name}/state.json`;
  while (existsSync(file) && !readFileSync(file, 'utf8').includes('leaving')) await sleep(pollMs);
  down.kill('SIGKILL');
  await ended;
}

function idOf(name: string): string {
  const text = readFileSync(`/var/lib/tutti-playground/${name}/state.json`, 'utf8');
  return (JSON.parse(text) as { readonly id: string }).id;
}

function assertGone(id: string): void {
  const cgroups = readdirSync('/sys/fs/cgroup').map((name) => `/sys/fs/cgroup/${name}`);
  for (const cgroup of ['/sys/fs/cgroup', ...cgroups]) {
    assert.equal(existsSync(`${cgroup}/tutti-playground-${id}`), false, cgroup);
  }
}

async function assertUntouched(): Promise<void> {
  assert.deepEqual(await readMachine(), untouched);
}

function readMachine(): Promise<MachineState> {
  return readMachineState(engineSocket, roots);
}
