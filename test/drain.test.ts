import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { RebalancePlan } from '../src/model/rebalance.ts';
import type { DrainReport, StackReport } from '../src/model/report.ts';
import { tuttiCommand } from '../tools/daemon/start-daemon.ts';
import { requestEngine } from '../tools/engine/engine-request.ts';
import { onOwnHost } from './fixture/on-own-host.ts';
import { type Finished, runApart } from './fixture/run-apart.ts';
import { TestPlayground } from './fixture/test-playground.ts';

const image = 'tutti-test/busybox:1';
const replicas = 6;
const stackLabel = 'com.docker.stack.namespace=site';
const waitLimitMs = 60_000;

let site: TestPlayground;

onOwnHost(import.meta.filename, () => {
  before(async () => {
    site = await TestPlayground.up({ name: 'drain', workers: 2 });
    await docker(
      `service create --detach --name site_web --label ${stackLabel} --replicas ${replicas} ` +
        `--update-monitor 300ms --update-order start-first --init ${image} sleep 1d`,
    );
    await until((report) => report.services.length > 0 && report.converged);
  });
  after(async () => await site[Symbol.asyncDispose]());
  registerDrainTests();
});

/** Runs `tutti` against the manager. */
function tutti(...parameters: readonly string[]): Promise<Finished> {
  const env = { TUTTI_SOCKET: site.host('manager-1').apiSocket };
  return runApart(tuttiCommand, parameters, { env });
}

/** Runs `docker` against the manager; it must succeed. */
function docker(command: string): Promise<string> {
  return site.docker('manager-1', ...command.split(' '));
}

/** The JSON that a command prints; it must have succeeded. */
async function json(...parameters: readonly string[]): Promise<unknown> {
  const { code, stdout, stderr } = await tutti(...parameters, '--json');
  assert.equal(code, 0, `tutti ${parameters.join(' ')}: ${stderr}`);
  return JSON.parse(stdout);
}

async function until(isSo: (report: StackReport) => boolean): Promise<void> {
  const signal = AbortSignal.timeout(waitLimitMs);
  const call = { method: 'GET', path: '/tutti/v1/stacks/site/watch', signal } as const;
  for await (const report of site.client('manager-1').lines<StackReport>(call)) {
    if (isSo(report)) return;
  }
  assert.fail('it did not come to it in time');
}

/** Containers of the service that run on a host, as its container engine has it. */
async function running(host: string): Promise<number> {
  const filters = JSON.stringify({
    label: ['com.docker.swarm.service.name=site_web'],
    status: ['running'],
  });
  const path = `/containers/json?filters=${encodeURIComponent(filters)}`;
  const { body } = await requestEngine(site.host(host).engineSocket, { path });
  return (JSON.parse(body) as readonly unknown[]).length;
}

/**
 * The fewest containers that ran at any moment of the work, on all hosts. Those on the host that
 * loses them are counted first: what moves in between is counted twice and never missed.
 */
async function fewest(losing: string, work: Promise<unknown>): Promise<number> {
  const others = ['manager-1', 'worker-1', 'worker-2'].filter((host) => host !== losing);
  const over = work.then(() => true);
  let least = Number.POSITIVE_INFINITY;
  for (let isOver = false; !isOver; ) {
    const before = await running(losing);
    const elsewhere = await Promise.all(others.map(running));
    least = Math.min(
      least,
      elsewhere.reduce((sum, count) => sum + count, before),
    );
    isOver = await Promise.race([over, new Promise<boolean>((done) => setImmediate(done, false))]);
  }
  return least;
}

function registerDrainTests(): void {
  test('a node is drained with never fewer containers than replicas', async () => {
    assert.ok((await running('worker-1')) > 0);
    const drain = json('node', 'drain', 'worker-1');
    assert.equal(await fewest('worker-1', drain), replicas);
    const { left, waiting } = (await drain) as DrainReport;
    assert.deepEqual([left, waiting], [[], []]);
    assert.equal(await running('worker-1'), 0);
    assert.equal((await running('manager-1')) + (await running('worker-2')), replicas);
  });

  test('back again it gets its part by a rebalance, with never fewer containers either', async () => {
    await json('node', 'activate', 'worker-1');
    const { moves } = (await json('rebalance', '--plan')) as RebalancePlan;
    assert.deepEqual(
      moves.map(({ to }) => to),
      ['worker-1', 'worker-1'],
    );
    assert.equal(await running('worker-1'), 0);
    assert.equal(await fewest('manager-1', json('rebalance')), replicas);
    assert.equal(await running('worker-1'), 2);
    const { stdout } = await tutti('rebalance');
    assert.match(stdout, /^nothing to move/);
  });

  test('a node that loses its label lets go of what the constraint kept there', async () => {
    for (const host of ['worker-1', 'worker-2']) {
      await docker(`node update --label-add disk=ssd ${host}`);
    }
    await docker('service update --detach --constraint-add node.labels.disk==ssd site_web');
    await until((report) => report.converged && hosts(report).size === 2);
    const away = until((report) => report.converged && hosts(report).size === 1);
    const change = docker('node update --label-rm disk worker-1');
    const least = await fewest('worker-1', Promise.all([change, away]));
    assert.equal(least, replicas);
  });
}

/** Nodes on which tasks run. */
function hosts(report: StackReport): ReadonlySet<string> {
  const tasks = report.tasks.filter(({ state }) => state === 'running');
  return new Set(tasks.map(({ nodeName = '' }) => nodeName));
}
