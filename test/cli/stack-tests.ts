import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import type { StackReport, StatusReport, TaskReport } from '../../src/model/report.ts';
import type { PlannedTask, StackChange } from '../../src/model/stack.ts';
import type { CliNode } from './cli-node.ts';

const image = 'tutti-test/busybox:1';

/** Each kind of dependency once. `db` is healthy no sooner than a second after its start. */
const healthyAfterMs = 1_000;
const shop = `
name: shop
services:
  db:
    image: ${image}
    command: sh -c "sleep 1; touch /tmp/ready; exec obey"
    healthcheck: { test: [CMD, test, -e, /tmp/ready], interval: 200ms, start_period: 20s }
    volumes: ["data:/data"]
  cache: { image: ${image} }
  migrate:
    image: ${image}
    command: sh -c "echo migrating; sleep 0.3"
    restart: "no"
    depends_on: { db: { condition: service_healthy } }
  web:
    image: ${image}
    command: sh -c "echo serving; exec web"
    ports: ["8088:80"]
    deploy: { replicas: 2 }
    depends_on:
      migrate: { condition: service_completed_successfully }
      cache: { condition: service_started }
volumes: { data: {} }
`;

interface PlanJson {
  readonly stack: string;
  readonly cluster: boolean;
  readonly warnings: readonly unknown[];
  readonly changes: readonly StackChange[];
  readonly tasks: readonly PlannedTask[];
}

/** From a machine without a cluster to a stack that is gone; each test stands on those before. */
export function registerStackTests(cli: () => CliNode): void {
  describe('a stack from its plan to its end', () => {
    before(async () => {
      await cli().write('shop.yml', shop);
    });
    registerPlan(cli);
    registerDeploy(cli);
    registerLooks(cli);
    registerRemoval(cli);
  });
}

function registerPlan(cli: () => CliNode): void {
  test('a plan without a cluster lists everything and makes nothing', async () => {
    const { code, stdout, stderr } = await cli().call(['stack', 'plan', '-c', 'shop.yml']);
    assert.equal(code, 0, stderr);
    assert.match(stderr, /^no cluster yet: a deploy makes one of this machine/);
    assert.match(stdout, /^create network shop_default\ncreate service shop_db\n/);
    assert.match(await cli().good('status'), /^no cluster yet: .*docker swarm init/);
    assert.deepEqual(await cli().json(0, 'stack', 'ls'), []);
  });

  test('a plan names changes and nodes, and changes nothing', async () => {
    await cli().node.docker('swarm', 'init', '--advertise-addr', '127.0.0.1');
    const revision = await cli().node.revision();
    const text = await cli().good('stack', 'plan', '-c', 'shop.yml');
    assert.match(text, /^create service shop_web$/m);
    assert.match(text, /^shop_web\.1 → node-1\nshop_web\.2 → node-1$/m);
    assert.match(text, /^5 changes, 0 unchanged, 5 new tasks\n$/m);
    const plan = (await cli().json(0, 'stack', 'plan', '-c', 'shop.yml')) as PlanJson;
    assert.deepEqual([plan.stack, plan.cluster, plan.warnings], ['shop', true, []]);
    assert.deepEqual(
      plan.changes.map(({ kind, name, action }) => `${action} ${kind} ${name}`),
      [
        'create network shop_default',
        'create service shop_db',
        'create service shop_cache',
        'create service shop_migrate',
        'create service shop_web',
      ],
    );
    assert.deepEqual(
      plan.tasks.map(({ outcome }) => (outcome.kind === 'placed' ? outcome.nodeName : '')),
      Array.from({ length: 5 }, () => 'node-1'),
    );
    assert.equal(await cli().node.revision(), revision);
  });
}

function registerDeploy(cli: () => CliNode): void {
  test('a deploy tells what it does, waits, and says where to reach the stack', async () => {
    const { code, stdout, stderr } = await cli().run(['stack', 'deploy', '-c', 'shop.yml']);
    assert.equal(code, 0, stderr);
    assert.equal(stdout, 'shop is running\nshop_web  http://localhost:8088\n');
    assert.match(stderr, /^create network shop_default\ncreate service shop_db\n/);
    assert.match(stderr, /^shop_migrate\.1 .*: the task waits until shop_db is healthy$/m);
    assert.match(stderr, /^shop_web 2\/2 converged$/m);
    assert.ok(!stderr.includes('\u001b'), 'no colours and no cursor outside of a terminal');
  });

  test('each condition of depends_on held the start back', async () => {
    const [db, cache, migrate, ...webs] = await Promise.all(
      ['shop_db.1', 'shop_cache.1', 'shop_migrate.1', 'shop_web.1', 'shop_web.2'].map((task) =>
        stateOf(cli(), task),
      ),
    );
    assert.equal(migrate?.ExitCode, 0);
    const waitedMs = at(migrate.StartedAt) - at(db?.StartedAt ?? '');
    assert.ok(waitedMs >= healthyAfterMs, `migrate started ${waitedMs} ms after db`);
    assert.equal(webs.length, 2);
    for (const web of webs) {
      assert.ok(at(web.StartedAt) >= at(migrate.FinishedAt), 'web waited for migrate to end');
      assert.ok(at(web.StartedAt) >= at(cache?.StartedAt ?? ''), 'web waited for cache');
    }
    // What nothing held back did not wait.
    assert.ok(at(cache?.StartedAt ?? '') < at(migrate.FinishedAt));
  });

  test('a second deploy of the same changes nothing', async () => {
    const revision = await cli().node.revision();
    const deploy = ['stack', 'deploy', '-c', 'shop.yml', '--settle', '0s'] as const;
    const { code, stdout, stderr } = await cli().run(deploy);
    assert.deepEqual([code, stderr.split('\n')[0]], [0, 'shop: nothing to change']);
    assert.match(stdout, /^shop is running$/m);
    const json = (await cli().json(0, ...deploy)) as {
      readonly stack: string;
      readonly changes: readonly StackChange[];
      readonly report: StackReport;
      readonly exitCode: number;
    };
    assert.deepEqual([json.stack, json.exitCode, json.report.converged], ['shop', 0, true]);
    assert.ok(json.changes.every(({ action }) => action === 'keep'));
    assert.equal(await cli().node.revision(), revision);
  });

  test('a plan says what of a service changes', async () => {
    await cli().write(
      'shop-2.yml',
      'services: { web: { image: "tutti-test/busybox:2", deploy: { replicas: 1 } } }',
    );
    const files = ['-c', 'shop.yml', '-c', 'shop-2.yml'];
    const text = await cli().good('stack', 'plan', ...files);
    assert.match(text, /^update service shop_web \(mode: 2 replicas → 1 replica; image: .*1 → .*2/);
    assert.match(text, /^1 change, 4 unchanged/m);
    const pruned = await cli().good('stack', 'plan', '-c', 'shop-2.yml', '--prune', 'shop');
    assert.match(pruned, /^remove service shop_db$/m);
  });
}

function registerLooks(cli: () => CliNode): void {
  test('ls, ps, status and why speak of it in words and in JSON', async () => {
    assert.equal(
      await cli().good('stack', 'ls'),
      'STACK  SERVICES  TASKS             STATE\nshop   4         5/5 (1 finished)  converged\n',
    );
    const ps = await cli().good('stack', 'ps', 'shop');
    assert.match(ps, /^TASK +IMAGE +NODE +DESIRED +STATE +REASON\n/);
    assert.match(ps, /^shop_web\.2 +tutti-test\/busybox:1 +node-1 +running +running \d+s$/m);
    assert.match(ps, /^shop_migrate\.1 .* complete \d+s +finished with exit code 0$/m);
    const tasks = (await cli().json(0, 'stack', 'ps', 'shop')) as readonly TaskReport[];
    assert.deepEqual(
      tasks.map(({ name, state, nodeName }) => `${name} ${state} ${nodeName}`),
      [
        'shop_cache.1 running node-1',
        'shop_db.1 running node-1',
        'shop_migrate.1 complete node-1',
        'shop_web.1 running node-1',
        'shop_web.2 running node-1',
      ],
    );
    const status = (await cli().json(0, 'status')) as StatusReport;
    assert.deepEqual(
      [status.stacks, status.runningTasks, status.completedTasks, status.wantedTasks],
      [['shop'], 4, 1, 5],
    );
    assert.match(await cli().good('status'), /1 stack, 4 services, 4 of 5 tasks running/);
    const why = await cli().good('why', 'service', 'shop_web');
    assert.match(why, /^shop_web \(\w+\), tutti-test\/busybox:1\n {2}2 of 2 tasks run\n/);
    assert.match(why, /port 8088\/tcp of every node leads to port 80 of its tasks/);
    const dns = (await cli().json(0, 'why', 'dns', 'db', '--from', 'shop_web.1')) as {
      readonly subject: string;
      readonly lines: readonly string[];
    };
    assert.match(dns.subject, /^db, asked by shop_web\.1/);
    assert.match(dns.lines.join('\n'), /back end: shop_db\.1\.\w+ at 10\./);
  });

  test('logs stand after the names of their tasks', async () => {
    const text = await cli().good('stack', 'logs', 'shop');
    assert.match(text, /^shop_migrate\.1 \| migrating$/m);
    assert.match(text, /^shop_web\.2 \| serving$/m);
    const one = await cli().good('stack', 'logs', '-t', '-n', '1', 'shop', 'migrate');
    assert.match(one, /^shop_migrate\.1 \| 20\d\d-\S+Z migrating\n$/);
    const json = await cli().good('stack', 'logs', '--json', 'shop', 'shop_migrate');
    assert.deepEqual(JSON.parse(json), {
      service: 'shop_migrate',
      task: 'shop_migrate.1',
      stream: 'stdout',
      line: 'migrating',
    });
    assert.equal(await cli().good('stack', 'logs', 'shop', 'cache'), '');
  });

  test('logs -f goes on until Ctrl-C', async () => {
    const container = await containerOf(cli(), 'shop_cache.1');
    const say = (line: string) =>
      cli().node.docker('exec', container, 'sh', '-c', `echo ${line} > /proc/1/fd/1`);
    await say('before');
    const lines: string[] = [];
    const code = await cli().follow(['stack', 'logs', '-f', 'shop', 'cache'], async (line) => {
      lines.push(line);
      if (lines.length === 1) await say('after');
      return lines.length === 2;
    });
    assert.deepEqual(lines, ['shop_cache.1 | before', 'shop_cache.1 | after']);
    assert.equal(code, 130);
  });
}

function registerRemoval(cli: () => CliNode): void {
  test('rm waits until everything is gone, and says what stays', async () => {
    const { code, stdout, stderr } = await cli().run(['stack', 'rm', 'shop']);
    assert.deepEqual([code, stdout], [0, 'shop is gone\n'], stderr);
    assert.match(stderr, /^remove service shop_web$/m);
    assert.match(stderr, /^its volumes stay; remove them with: docker volume rm shop_data$/m);
    assert.equal(await cli().node.docker('ps', '--all', '--quiet'), '');
    assert.equal(await cli().node.docker('network', 'ls', '--quiet', '--filter=name=shop'), '');
    assert.equal((await cli().call(['stack', 'ps', 'shop'])).code, 2);
    await cli().node.removeVolumes('shop');
  });

  test('rm --json says what was removed', async () => {
    await cli().write('tiny.yml', `services: { web: { image: "${image}" } }`);
    await cli().good('stack', 'deploy', '--detach', '-c', 'tiny.yml', 'tiny');
    const gone = (await cli().json(0, 'stack', 'rm', 'tiny')) as {
      readonly changes: readonly StackChange[];
      readonly volumes: readonly string[];
      readonly exitCode: number;
    };
    assert.deepEqual([gone.volumes, gone.exitCode], [[], 0]);
    assert.deepEqual(
      gone.changes.map(({ action, name }) => `${action} ${name}`),
      ['remove tiny_web', 'remove tiny_default'],
    );
  });
}

interface EngineState {
  readonly StartedAt: string;
  readonly FinishedAt: string;
  readonly ExitCode: number;
}

async function containerOf(cli: CliNode, task: string): Promise<string> {
  const ids = await cli.node.docker(
    'ps',
    '--all',
    '--quiet',
    '--no-trunc',
    `--filter=name=${task}`,
  );
  return ids.split('\n')[0] ?? '';
}

/** What the engine says of a task's container. */
async function stateOf(cli: CliNode, task: string): Promise<EngineState> {
  const container = await containerOf(cli, task);
  const text = await cli.node.docker('inspect', '--format={{json .State}}', container);
  return JSON.parse(text) as EngineState;
}

/** Milliseconds; the engine says nanoseconds, of which order needs no more. */
function at(time: string): number {
  const value = Date.parse(time);
  assert.ok(Number.isFinite(value), `"${time}" is no time`);
  return value;
}
