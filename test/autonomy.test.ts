import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { requestEngine } from '../tools/engine/engine-request.ts';
import { tasksOf } from './container-engine/inspected.ts';
import { onOwnHost } from './fixture/on-own-host.ts';
import { TestNode } from './fixture/test-node.ts';

const image = 'tutti-test/busybox:1';
const limitMs = 60_000;
const pollMs = 100;
const replicas = 2;
const storeFile = 'state.sqlite';

let node: TestNode;
let isAway = false;

function register(): void {
  before(async () => {
    node = await TestNode.start({ engineSocket: process.env['TUTTI_TEST_ENGINE'] ?? '' });
    await node.docker('swarm', 'init', '--advertise-addr', '127.0.0.1');
  });
  after(async () => {
    if (isAway) await bringManagerBack();
    await node[Symbol.asyncDispose]();
  });

  test('a node restarts what exits, and comes back after a restart, without its manager', async () => {
    const create = ['service', 'create', '--quiet', '--no-resolve-image', '--name', 'web'];
    await node.docker(...create, '--replicas', String(replicas), image, 'sleep', '1000');
    const first = await untilRunningContainers();

    await takeManagerAway();
    await kill(first[0] ?? '');
    const second = await untilRunningContainers();
    assert.equal(second.filter((id) => first.includes(id)).length, 1);

    await node.daemon.kill();
    for (const id of second) await kill(id);
    await node.daemon.start();
    const third = await untilRunningContainers();
    assert.ok(third.every((id) => !second.includes(id)));

    await bringManagerBack();
    const tasks = await untilTasksEnded();
    assert.deepEqual(await runningContainers(), third, 'the manager replaced nothing');
    const live = tasks.filter((task) => task.DesiredState === 'running');
    assert.deepEqual(
      new Set(live.map((task) => task.Status.ContainerStatus?.ContainerID)),
      new Set(third),
    );
    const over = tasks.filter((task) => task.DesiredState === 'shutdown');
    assert.deepEqual(
      over.map((task) => [task.Status.State, task.Status.ContainerStatus?.ExitCode]),
      over.map(() => ['failed', 137]),
    );
    assert.match(await node.docker('service', 'ps', 'web'), /Running[^]*Shutdown\s+Failed/);

    await node.docker('service', 'rm', 'web');
    await until(async () => ((await listContainers(true)).length === 0 ? true : undefined));
  });
}

/** Its store is out of reach, so that none that the daemon starts comes up. */
async function takeManagerAway(): Promise<void> {
  const { dataDirectory } = node.daemon;
  const at = (name: string): string => join(dataDirectory, 'manager', name);
  const pid = Number(readFileSync(join(dataDirectory, 'run/manager.pid'), 'utf8'));
  process.kill(pid, 'SIGSTOP');
  for (const name of await storeFiles(storeFile)) await rename(at(name), at(`away-${name}`));
  await writeFile(at(storeFile), 'no database at all');
  process.kill(pid, 'SIGKILL');
  isAway = true;
}

/** The database and what SQLite keeps beside it. */
async function storeFiles(prefix: string): Promise<readonly string[]> {
  const names = await readdir(join(node.daemon.dataDirectory, 'manager'));
  return names.filter((name) => name.startsWith(prefix));
}

async function bringManagerBack(): Promise<void> {
  const at = (name: string): string => join(node.daemon.dataDirectory, 'manager', name);
  for (const name of await storeFiles(storeFile)) await rm(at(name));
  for (const name of await storeFiles(`away-${storeFile}`)) {
    await rename(at(name), at(name.slice('away-'.length)));
  }
  isAway = false;
}

/** As if it ended by itself: the engine is told, and nobody else. */
async function kill(containerId: string): Promise<void> {
  const path = `/containers/${containerId}/kill`;
  await requestEngine(node.engineSocket, { method: 'POST', path });
}

async function listContainers(all: boolean): Promise<readonly string[]> {
  const { body } = await requestEngine(node.engineSocket, { path: `/containers/json?all=${all}` });
  const found = JSON.parse(body) as readonly { readonly Id: string }[];
  return found.map(({ Id }) => Id).toSorted();
}

function runningContainers(): Promise<readonly string[]> {
  return listContainers(false);
}

/** As many as there are replicas, and none that was killed a moment ago. */
async function untilRunningContainers(): Promise<readonly string[]> {
  return await until(async () => {
    const ids = await runningContainers();
    return ids.length === replicas ? ids : undefined;
  });
}

/** What the manager says once it has taken everything over. */
async function untilTasksEnded() {
  return await until(async () => {
    const tasks = await tasksOf(node, 'web').catch(() => []);
    const isSo =
      tasks.filter((task) => task.Status.State === 'running').length === replicas &&
      tasks.filter((task) => task.Status.State === 'failed').length === replicas + 1;
    return isSo ? tasks : undefined;
  });
}

async function until<T>(look: () => Promise<T | undefined>): Promise<T> {
  const giveUpAt = Date.now() + limitMs;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > giveUpAt) {
      const log = readFileSync(join(node.directory, 'daemon.log'), 'utf8');
      throw new Error(`it did not come to it in time: ${log.slice(-4_000)}`);
    }
    await sleep(pollMs);
  }
}

onOwnHost(import.meta.filename, register);
