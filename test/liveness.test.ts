import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { StatusReport } from '../src/model/report.ts';
import { tuttiCommand } from '../tools/daemon/start-daemon.ts';
import { requestEngine } from '../tools/engine/engine-request.ts';
import { onOwnHost } from './fixture/on-own-host.ts';
import { runApart } from './fixture/run-apart.ts';
import { TestPlayground } from './fixture/test-playground.ts';

const image = 'tutti-test/busybox:1';
const replicas = 4;
const waitLimitMs = 30_000;
const pollMs = 50;
const workers = ['worker-1', 'worker-2'] as const;
const hosts = ['manager-1', ...workers] as const;

let site: TestPlayground;
/** The worker that has the fenced task, and is cut off. */
let cut: string;
let survivors: readonly string[];

onOwnHost(import.meta.filename, () => {
  before(async () => {
    site = await TestPlayground.up({ name: 'liveness', workers: 2 });
    await site.untilReady(hosts.length);
    await docker(
      `service create --detach --name web --replicas ${replicas} --init ${image} sleep 1d`,
    );
    await docker(
      `service create --detach --name alone --label dev.tutti.fence=true --replicas 1 ` +
        `--constraint node.role==worker --init ${image} sleep 1d`,
    );
    await until('everything runs', async () => (await runningOn(hosts)).length === replicas + 1);
    cut = (await runningOn(['worker-1'], 'alone.')).length > 0 ? 'worker-1' : 'worker-2';
    survivors = hosts.filter((host) => host !== cut);
  });
  after(async () => await site[Symbol.asyncDispose]());
  registerTests();
});

function docker(command: string): Promise<string> {
  return site.docker('manager-1', ...command.split(' '));
}

interface Running {
  readonly Id: string;
  readonly Names: readonly string[];
}

/** Containers of tasks that run, as the engines of the hosts have it. */
async function runningOn(names: readonly string[], service = ''): Promise<readonly string[]> {
  const filters = JSON.stringify({ label: ['com.docker.swarm.task.id'], status: ['running'] });
  const lists = await Promise.all(
    names.map(async (name) => {
      const { engineSocket } = site.host(name);
      const path = `/containers/json?filters=${encodeURIComponent(filters)}`;
      const { body } = await requestEngine(engineSocket, { path });
      return (JSON.parse(body) as readonly Running[]).flatMap(({ Names }) => Names);
    }),
  );
  return lists.flat().filter((name) => name.startsWith(`/${service}`));
}

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const giveUpAt = Date.now() + waitLimitMs;
  while (!(await isSo())) {
    assert.ok(Date.now() < giveUpAt, `not in time: ${what}`);
    await sleep(pollMs);
  }
}

const slotsOf = (names: readonly string[]): readonly string[] =>
  names.map((name) => name.split('.').slice(0, 2).join('.')).toSorted();

async function nodeState(): Promise<string> {
  return await docker(`node inspect --format {{.Status.State}} ${cut}`);
}

function registerTests(): void {
  test('tasks of a worker that is cut off run elsewhere, the fenced one only once it was stopped', async (t) => {
    assert.ok((await runningOn([cut], 'web.')).length > 0);
    assert.equal((await runningOn([cut], 'alone.')).length, 1);
    const cutAt = Date.now();
    await site.partition({ hosts: [cut] });
    await until('every slot runs on the others', async () => {
      return new Set(slotsOf(await runningOn(survivors, 'web.'))).size === replicas;
    });
    t.diagnostic(`${Date.now() - cutAt} ms after the cut every slot ran elsewhere`);
    assert.equal(await nodeState(), 'down');
    await until('the fenced task runs on the others', async () => {
      const before = await runningOn([cut], 'alone.');
      const elsewhere = await runningOn(survivors, 'alone.');
      assert.ok(before.length + elsewhere.length <= 1, 'the fenced task runs twice');
      return elsewhere.length === 1;
    });
    t.diagnostic(`and the fenced one ${Date.now() - cutAt} ms after it`);
    // Its own managers being away, the node goes on with what is not fenced, and nobody counts it.
    assert.ok((await runningOn([cut], 'web.')).length > 0);
    await until('as many run as are wanted', async () => {
      const { apiSocket } = site.host('manager-1');
      const status = await runApart(tuttiCommand, ['--socket', apiSocket, 'status', '--json']);
      const { runningTasks, wantedTasks } = JSON.parse(status.stdout) as StatusReport;
      assert.ok(runningTasks <= wantedTasks, `${runningTasks} of ${wantedTasks}`);
      return runningTasks === replicas + 1;
    });
  });

  test('a worker that returns stops what runs elsewhere by now, and says so', async () => {
    await site.heal();
    await until('the node is ready', async () => (await nodeState()) === 'ready');
    await until('each slot runs once', async () => {
      const web = slotsOf(await runningOn(hosts, 'web.'));
      return web.length === replicas && new Set(web).size === replicas;
    });
    assert.equal((await runningOn(hosts, 'alone.')).length, 1);
    await until('the manager knows of every end', async () => {
      const states = await docker('service ps --format {{.DesiredState}}/{{.CurrentState}} web');
      const over = states.split('\n').filter((line) => line.startsWith('Shutdown/'));
      return over.length > 0 && over.every((line) => line.startsWith('Shutdown/Shutdown'));
    });
  });
}
