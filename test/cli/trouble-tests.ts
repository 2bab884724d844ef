import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { after, before, describe, test } from 'node:test';
import type { Explanation, StatusReport } from '../../src/model/report.ts';
import type { Finished } from '../fixture/run-apart.ts';
import type { CliNode } from './cli-node.ts';

const image = 'tutti-test/busybox:1';

/** One service for each of the usual troubles, and one that is well. */
const troubles = `
services:
  well: { image: ${image} }
  missing: { image: "tutti-test/never-built:1", pull_policy: never }
  picky: { image: ${image}, deploy: { placement: { constraints: [node.labels.disk == ssd] } } }
  crash: { image: ${image}, command: sh -c "echo no config found >&2; exit 3" }
  sick:
    image: ${image}
    healthcheck: { test: [CMD-SHELL, "echo not yet; exit 1"], interval: 200ms, retries: 1 }
  large: { image: ${image}, deploy: { resources: { reservations: { memory: 9000g } } } }
  late: { image: ${image}, depends_on: { picky: { condition: service_healthy } } }
`;

/** Stacks that do not come to run: what is said, and that it ends. */
export function registerTroubleTests(cli: () => CliNode): void {
  describe('a stack that does not come to run', () => {
    let deployed: Finished;
    before(async () => {
      await cli().write('troubles.yml', troubles);
      deployed = await cli().run([
        'stack',
        'deploy',
        '-c',
        'troubles.yml',
        '--patience',
        '2s',
        'st',
      ]);
    });
    after(async () => {
      await cli().good('stack', 'rm', 'st');
    });

    test('is given up after a while, with each trouble, what was printed, and what to do', () => {
      const { code, stdout, stderr } = deployed;
      assert.deepEqual([code, stdout], [1, ''], stderr);
      const told = stderr.slice(stderr.indexOf('st did not converge\n'));
      for (const line of [
        /^st_missing 0\/1\n {2}st_missing\.1 .*never-built:1/m,
        /^ {2}st_picky\.1 pending: no suitable node \(scheduling constraints not satisfied/m,
        /^ {2}hint: No node has the label disk; set it with docker node update/m,
        /^ {2}st_crash\.1 fail\S+ .*on node-1: task: non-zero exit \(3\)$/m,
        /^ {4}\| no config found$/m,
        /^ {2}st_sick\.1 fail\S+ .*on node-1: task: unhealthy container: not yet$/m,
        /^ {2}st_large\.1 pending: no suitable node \(insufficient resources/m,
        /^ {2}st_late\.1 .*waits until st_picky is healthy$/m,
        /^ {2}tutti stack rm st$/m,
      ]) {
        assert.match(told, line);
      }
      assert.doesNotMatch(told, /st_well/);
    });

    registerWhy(cli);
    registerOverview(cli);
  });
  registerEnds(cli);
}

function registerWhy(cli: () => CliNode): void {
  const explained: Readonly<Record<string, readonly [RegExp, RegExp]>> = {
    missing: [/never-built:1.*\[image-missing\]/, /pull policy is never/],
    picky: [/\[constraint-unmet\]/, /label disk/],
    crash: [
      /restarts so far; the task before it failed .*exit \(3\) \[exited-with-error\]/,
      /logs/,
    ],
    sick: [/unhealthy container: not yet \[unhealthy\]/, /health check/],
    large: [/\[insufficient-resources\]/, /not enough memory \(needs 8\.79 TiB, free/],
    late: [/waits until st_picky is healthy \[waiting-for-dependency\]/, /st_picky/],
  };
  for (const [service, [line, hint]] of Object.entries(explained)) {
    test(`why task says of ${service} what is wrong and what to do`, async () => {
      const said = (await cli().json(0, 'why', 'task', `st_${service}.1`)) as Explanation;
      assert.match(said.subject, new RegExp(`^st_${service}\\.1 \\(\\w{25}\\), tutti-test/`));
      assert.match(said.lines.join('\n'), line);
      assert.match(said.hint ?? '', hint);
    });
  }

  test('why service counts what runs, and says how tasks failed before', async () => {
    const said = await cli().good('why', 'service', 'st_crash');
    assert.match(said, /^st_crash \(\w+\), tutti-test\/busybox:1\n {2}[01] of 1 tasks run\n/);
    assert.match(said, /earlier tasks failed, the last [\d.]+ s ago: task: non-zero exit \(3\)$/m);
    assert.match(said, /^ {2}hint: What it printed: docker service logs st_crash$/m);
  });

  test('why dns says when a name is unknown, and when nobody behind it is well', async () => {
    const unknown = await cli().good('why', 'dns', 'nobody', '--from', 'st_well.1');
    assert.match(unknown, /no service, alias or task of any network .* has this name/);
    const sick = await cli().good('why', 'dns', 'sick', '--from', 'st_well.1');
    assert.match(sick, /it is service st_sick\n/);
    assert.doesNotMatch(sick, /back end/);
    assert.match(sick, /not ready|no task is ready|no task that is to run/);
    const nobody = await cli().good('why', 'dns', 'sick', '--from', 'st_nobody.1');
    assert.match(nobody, /no task "st_nobody\.1" is known/);
  });
}

function registerOverview(cli: () => CliNode): void {
  test('status ends with 1 and names the problems first, ls says that it is in trouble', async () => {
    const { code, stdout } = await cli().call(['status']);
    assert.equal(code, 1);
    assert.match(stdout, /^problem: st_/);
    const json = (await cli().json(1, 'status')) as StatusReport;
    const names = new Set(json.problems.map(({ service }) => service));
    assert.deepEqual([...names].toSorted(), [
      'st_crash',
      'st_large',
      'st_late',
      'st_missing',
      'st_picky',
      'st_sick',
    ]);
    assert.match(await cli().good('stack', 'ls'), /^st +7 +1\/7 +in trouble$/m);
    assert.match(
      await cli().good('stack', 'ps', 'st'),
      /^st_crash\.1 .*restarted \d+×, last: task: non-zero exit \(3\)$/m,
    );
  });

  test('a plan says that a task would go nowhere, and why', async () => {
    const text = await cli().good('stack', 'plan', '-c', 'troubles.yml', 'other');
    assert.match(text, /^other_picky\.1 → nowhere: no suitable node .*\n {4}No node has the/m);
    assert.match(text, /^other_well\.1 → node-1$/m);
  });
}

const endings: readonly {
  readonly what: string;
  readonly document: string;
  readonly options: readonly string[];
  readonly code: number;
  readonly says: RegExp;
}[] = [
  {
    what: 'what exits with an error and is not restarted ends the deploy at once',
    document: `services: { web: { image: ${image}, restart: "no", command: sh -c "exit 7" } }`,
    options: ['--patience', '1h'],
    code: 1,
    says: /web\.1 failed on node-1: task: non-zero exit \(7\)/,
  },
  {
    what: 'what takes longer than --timeout ends with 4',
    document: `services: { web: { image: ${image}, healthcheck: { test: "false", interval: 1h } } }`,
    options: ['--timeout', '1s'],
    code: 4,
    says: /did not converge in time\n.* 0\/1\n {2}end1_web\.1 /,
  },
  {
    what: 'an update that is rolled back is a failure',
    document: `
services:
  web:
    image: tutti-test/never-built:1
    pull_policy: never
    deploy: { update_config: { failure_action: rollback, monitor: 200ms } }
`,
    options: [],
    code: 1,
    says: /update rollback_completed: /,
  },
];

function registerEnds(cli: () => CliNode): void {
  for (const [index, { what, document, options, code, says }] of endings.entries()) {
    test(what, async () => {
      const stack = `end${index}`;
      const file = await cli().write(`${stack}.yml`, document);
      const first = await cli().write(`well.yml`, `services: { web: { image: ${image} } }`);
      if (says.source.includes('update')) {
        await cli().good('stack', 'deploy', '--settle', '0s', '-c', first, stack);
      }
      const finished = await cli().run(['stack', 'deploy', '-c', file, ...options, stack]);
      assert.equal(finished.code, code, finished.stderr);
      assert.match(finished.stderr, says);
      await cli().good('stack', 'rm', stack);
    });
  }

  test('a published port that another program has is told, and is a failure', async () => {
    const server = createServer().listen(8087);
    await once(server, 'listening');
    await cli().write(
      'taken.yml',
      `services: { web: { image: ${image}, command: web, ports: ["8087:80"] } }`,
    );
    const { code, stderr } = await cli().run(['stack', 'deploy', '-c', 'taken.yml', 'taken']);
    server.close();
    await cli().good('stack', 'rm', 'taken');
    assert.equal(code, 1, stderr);
    assert.match(stderr, /^problem: taken_web: on node-1 port 8087\/tcp is taken by .*process/m);
    assert.match(stderr, /^Publish another port, or stop the program that has it\.$/m);
  });

  test('Ctrl-C stops the waiting, not the stack', async () => {
    await cli().write(
      'slow.yml',
      `
services: { web: { image: ${image}, healthcheck: { test: "false", interval: 1h } } }`,
    );
    const code = await cli().follow(
      ['stack', 'deploy', '-c', 'slow.yml', 'slow'],
      (line) => line.includes('waiting for the health check'),
      'stderr',
    );
    assert.equal(code, 130);
    assert.match(await cli().good('stack', 'ls'), /^slow +1 +0\/1 +converging$/m);
    await cli().good('stack', 'rm', 'slow');
  });
}
