import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { CliNode } from './cli-node.ts';

const image = 'tutti-test/busybox:1';

const base = `
services:
  app:
    image: \${IMAGE:?say which image}
    command: sh -c "cat /etc/site.conf /run/secrets/key; echo; cat /etc/resolv.conf; exec obey"
    env_file: [app.env, { path: missing.env, required: false }]
    environment: { FROM_SHELL: "\${COLOUR}", FROM_DOTENV: "\${SHAPE-none}", PASSED: }
    configs: [{ source: site, target: /etc/site.conf, mode: 0440 }]
    secrets: [key]
    labels: { team: blue }
    init: true
    user: "0:0"
    working_dir: /tmp
    hostname: box
    read_only: true
    tmpfs: /scratch:size=64k
    cap_add: [NET_ADMIN]
    cap_drop: [MKNOD]
    sysctls: { net.core.somaxconn: 512 }
    ulimits: { nofile: { soft: 1024, hard: 2048 }, nproc: 512 }
    extra_hosts: ["gate:10.1.2.3"]
    dns: [10.9.9.9]
    dns_search: [example.org]
    stop_signal: SIGINT
    stop_grace_period: 3s
    shm_size: 32m
    logging: { driver: json-file, options: { max-size: 1m } }
    healthcheck: { test: [CMD, "true"], interval: 500ms, timeout: 4s, retries: 2 }
    deploy: { resources: { limits: { cpus: "0.5", memory: 64m, pids: 50 } } }
  debug: { image: ${image}, profiles: [debug] }
  agent:
    image: ${image}
    tty: true
    command: sh -c "echo here; exec obey"
    deploy: { mode: global }
  job: { image: ${image}, command: "true", deploy: { mode: replicated-job, replicas: 2 } }
configs: { site: { content: "colour \${COLOUR}\\n" } }
secrets: { key: { environment: KEY } }
`;

const over = `
x-common: &common { environment: { FROM_OVER: "yes" } }
services:
  app:
    <<: *common
    labels: !reset null
    volumes: ["files:/files"]
volumes: { files: {} }
`;

const environment = { IMAGE: image, COLOUR: 'red', KEY: 'sesame', PASSED: 'on' };

interface Inspected {
  readonly Config: {
    readonly Env: readonly string[];
    readonly Labels: Readonly<Record<string, string>>;
    readonly [key: string]: unknown;
  };
  readonly HostConfig: Readonly<Record<string, unknown>>;
}

/** What a document says arrives at the container engine. */
export function registerDocumentTests(cli: () => CliNode): void {
  describe('a document of several files', () => {
    let container: Inspected;
    before(async () => {
      await cli().write('app/base.yml', base);
      await cli().write('app/over.yml', over);
      await cli().write('app/app.env', 'FROM_FILE="a b"\nFROM_SHELL=no\n');
      await cli().write('app/.env', 'SHAPE=round\nCOLOUR=green\n');
      const parameters = ['stack', 'deploy', '-c', 'app/base.yml', '-c', 'app/over.yml', 'doc'];
      const { code, stderr } = await cli().run(parameters, { env: environment });
      assert.equal(code, 0, stderr);
      assert.doesNotMatch(stderr, /warning/);
      const id = await cli().node.docker('ps', '--quiet', '--filter=name=doc_app.1');
      const [one] = JSON.parse(await cli().node.docker('inspect', id)) as readonly [Inspected];
      container = one;
    });
    after(async () => {
      await cli().good('stack', 'rm', 'doc');
      await cli().node.removeVolumes('doc');
    });

    test('its variables come from the shell first, then from .env; env_file below both', () => {
      const own = container.Config.Env.filter((line) => /^(FROM|PASSED)/.test(line));
      assert.deepEqual(own.toSorted(), [
        'FROM_DOTENV=round',
        'FROM_FILE=a b',
        'FROM_OVER=yes',
        'FROM_SHELL=red',
        'PASSED=on',
      ]);
    });

    test('configs and secrets are files of the container', async () => {
      const printed = await cli().good('stack', 'logs', 'doc', 'app');
      assert.match(printed, /^doc_app\.1 \| colour red\ndoc_app\.1 \| sesame\n/);
      assert.match(printed, /^doc_app\.1 \| search example\.org$/m, 'dns_search');
    });

    test('a terminal of a container is read, too; tasks are called after slot or node', async () => {
      assert.match(
        await cli().good('stack', 'logs', 'doc', 'agent'),
        /^doc_agent\.node-1 \| here\n$/,
      );
      const ps = await cli().good('stack', 'ps', 'doc');
      const names = ps.match(/^doc_\S+/gm);
      assert.deepEqual(names, ['doc_agent.node-1', 'doc_app.1', 'doc_job.0', 'doc_job.1']);
    });

    test('services of a profile run once it is switched on', async () => {
      const files = ['-c', 'app/base.yml', '-c', 'app/over.yml'];
      const plan = (parameters: readonly string[]) =>
        cli().run(['stack', 'plan', ...files, ...parameters, 'doc'], { env: environment });
      assert.match((await plan([])).stdout, /^nothing to change$/m);
      assert.match((await plan(['--profile', 'debug'])).stdout, /^create service doc_debug$/m);
    });

    test('what it says of the container reaches the engine', () => checkContainer(container));
  });
  registerSources(cli);
}

function checkContainer(container: Inspected): void {
  assert.equal(container.Config.Labels['team'], undefined, '!reset took the labels away');
  assert.partialDeepStrictEqual(container.Config, {
    Hostname: 'box',
    User: '0:0',
    WorkingDir: '/tmp',
    StopSignal: 'SIGINT',
    Healthcheck: {
      Test: ['CMD', 'true'],
      Interval: 500_000_000,
      Timeout: 4_000_000_000,
      Retries: 2,
    },
  });
  assert.partialDeepStrictEqual(container.HostConfig, {
    Init: true,
    ReadonlyRootfs: true,
    CapAdd: ['NET_ADMIN'],
    CapDrop: ['MKNOD'],
    ExtraHosts: ['gate:10.1.2.3'],
    ShmSize: 32 * 1024 ** 2,
    NanoCpus: 500_000_000,
    Memory: 64 * 1024 ** 2,
    PidsLimit: 50,
    LogConfig: { Type: 'json-file', Config: { 'max-size': '1m' } },
    Sysctls: { 'net.core.somaxconn': '512' },
    Ulimits: [
      { Name: 'nofile', Soft: 1024, Hard: 2048 },
      { Name: 'nproc', Soft: 512, Hard: 512 },
    ],
  });
  const mounts = container.HostConfig['Mounts'] as readonly Record<string, unknown>[];
  assert.partialDeepStrictEqual(
    mounts.filter(({ Type }) => Type !== 'bind'),
    [
      { Type: 'volume', Source: 'doc_files', Target: '/files' },
      { Type: 'tmpfs', Target: '/scratch', TmpfsOptions: { SizeBytes: 65_536 } },
    ],
  );
}

function registerSources(cli: () => CliNode): void {
  test('a document may come from standard input', async () => {
    const input = `services: { web: { image: ${image} } }`;
    const { code, stdout, stderr } = await cli().run(['stack', 'plan', '-c', '-', 'piped'], {
      input,
    });
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^piped_web\.1 → node-1$/m);
  });

  test('without -c it is compose.yml of the directory, with what lies over it', async () => {
    await cli().write('site/compose.yml', `services: { web: { image: ${image} } }`);
    await cli().write(
      'site/compose.override.yml',
      'services: { web: { deploy: { replicas: 2 } } }',
    );
    const plan = await cli().run(['stack', 'plan'], { cwd: `${cli().folder}/site` });
    assert.match(plan.stdout, /^site_web\.2 → node-1$/m, plan.stderr);
    assert.match(plan.stderr, /^with compose\.override\.yml$/m);
  });
}

/** Only a terminal gets colours and lines that rewrite themselves. */
export function registerTerminalTests(cli: () => CliNode): void {
  const escape = '\u001b';
  const deploy = 'tutti stack deploy -c good.yml --settle 0s term';
  const onTerminal = async (command: string, env: NodeJS.ProcessEnv = {}): Promise<string> => {
    const typescript = ['--quiet', '--return', '--command', command, '/dev/null'];
    const { code, stdout } = await cli().terminal(typescript, env);
    assert.equal(code, 0, stdout);
    return stdout;
  };

  describe('on a terminal', () => {
    before(async () => {
      await cli().write('good.yml', `services: { web: { image: ${image} } }`);
    });
    after(async () => {
      await cli().good('stack', 'rm', 'term');
    });

    test('progress is drawn in place, in colours', async () => {
      const shown = await onTerminal(deploy);
      assert.ok(shown.includes(`${escape}[32mcreate${escape}[0m service term_web`), shown);
      assert.ok(shown.includes(`\r${escape}[2A${escape}[2K`), 'it goes up two lines and clears');
      assert.ok(shown.includes(`${escape}[32m✔${escape}[0m term_web  1/1`), shown);
      assert.match(shown, /term is running/);
    });

    test('NO_COLOR takes the colours away, and TERM=dumb the drawing, too', async () => {
      const colourless = await onTerminal(deploy, { NO_COLOR: '1' });
      assert.ok(!colourless.includes(`${escape}[3`), colourless);
      assert.ok(colourless.includes('✔ term_web  1/1'), colourless);
      const dumb = await onTerminal(deploy, { TERM: 'dumb' });
      assert.ok(!dumb.includes(escape), dumb);
      assert.match(dumb, /^term_web 1\/1 converged\r$/m);
    });
  });
}
