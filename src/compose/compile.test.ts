import assert from 'node:assert/strict';
import { posix } from 'node:path';
import { test } from 'node:test';
import { TuttiError } from '../lib/error.ts';
import { type CompiledStack, compileStack } from './compile.ts';

type FileTexts = Readonly<Record<string, string>>;

async function compile(text: string, others: FileTexts = {}): Promise<CompiledStack> {
  return compileAll({ '/app/compose.yml': text }, others);
}

async function compileAll(documents: FileTexts, others: FileTexts = {}): Promise<CompiledStack> {
  const texts: FileTexts = { ...documents, ...others };
  return compileStack(
    Object.entries(documents).map(([path, text]) => ({ path, text })),
    {
      stack: 'st',
      profiles: [],
      environment: { HOME: '/root', TAG: '7', TOKEN: 'abc' },
      files: {
        read: async (path) => {
          const found = texts[path];
          if (found === undefined) throw new TuttiError('not-found', `no such file: ${path}`);
          return new TextEncoder().encode(found);
        },
        resolve: (base, relative) => posix.resolve(base, relative),
        directory: (path) => posix.dirname(path),
      },
    },
  );
}

async function onlyService(body: string) {
  const { declaration } = await compile(`services:\n  web:\n    image: nginx\n${body}`);
  const service = declaration.services[0];
  assert.ok(service);
  return { ...service, container: service.template.containers[0] };
}

test('a document without a version becomes services, networks and their names', async () => {
  const { declaration, warnings } = await compile(`
services:
  web: { image: "nginx:\${TAG}", ports: ["8080:80"] }
  db: { image: postgres, networks: { back: { aliases: [database] } } }
networks: { back: { internal: true } }
`);
  assert.deepEqual(warnings, []);
  assert.deepEqual(
    declaration.services.map((service) => service.spec.name),
    ['st_web', 'st_db'],
  );
  assert.deepEqual(
    declaration.networks.map((network) => [network.name, network.internal]),
    [
      ['st_back', true],
      ['st_default', false],
    ],
  );
  const [web, db] = declaration.services;
  assert.equal(web?.template.containers[0]?.image, 'nginx:7');
  assert.deepEqual(web?.template.networks, [
    { networkId: 'st_default', aliases: ['web'], driverOptions: {} },
  ]);
  assert.deepEqual(db?.template.networks[0]?.aliases, ['database', 'db']);
  assert.equal(web?.spec.labels['com.docker.stack.namespace'], 'st');
});

test('both forms of environment, command, health check and dependencies mean the same', async () => {
  const list = await onlyService(
    '    environment: [B=2, A=1, TOKEN]\n    command: ["sh", "-c", "x y"]\n',
  );
  const map = await onlyService(
    '    environment: { A: 1, B: "2", TOKEN: }\n    command: sh -c "x y"\n',
  );
  assert.deepEqual(list.container?.env, ['A=1', 'B=2', 'TOKEN=abc']);
  assert.deepEqual(map.container, list.container);
});

test('ports come in short, ranged and long form', async () => {
  const { spec, template } = await onlyService(`    ports:
      - "53:53/udp"
      - "9000-9001:80-81"
      - "3000"
      - { target: 443, published: "8443", mode: host }
`);
  assert.deepEqual(
    spec.ports.map((port) => [port.publishedPort, port.targetPort, port.protocol, port.mode]),
    [
      [53, 53, 'udp', 'ingress'],
      [9000, 80, 'tcp', 'ingress'],
      [9001, 81, 'tcp', 'ingress'],
      [undefined, 3000, 'tcp', 'ingress'],
      [8443, 443, 'tcp', 'host'],
    ],
  );
  assert.deepEqual(template.hostPorts, [{ protocol: 'tcp', targetPort: 443, publishedPort: 8443 }]);
});

test('mounts come in short and long form, relative to the document', async () => {
  const { declaration } = await compile(`
services:
  web:
    image: nginx
    tmpfs: /scratch:size=64k,mode=1777
    volumes:
      - ./html:/srv:ro
      - data:/data
      - /anonymous
      - { type: volume, source: ours, target: /ours, read_only: true }
volumes: { data: {}, ours: { external: true, name: shared } }
`);
  const mounts = declaration.services[0]?.template.containers[0]?.mounts.map((mount) => [
    mount.type,
    'source' in mount ? mount.source : undefined,
    mount.target,
    mount.readOnly,
  ]);
  assert.deepEqual(mounts, [
    ['bind', '/app/html', '/srv', true],
    ['volume', 'st_data', '/data', false],
    ['volume', undefined, '/anonymous', false],
    ['volume', 'shared', '/ours', true],
    ['tmpfs', undefined, '/scratch', false],
  ]);
});

test('dependencies carry their conditions', async () => {
  const { declaration } = await compile(`
services:
  db: { image: postgres }
  cache: { image: redis }
  web:
    image: nginx
    depends_on: { db: { condition: service_healthy }, cache: { required: false } }
  old: { image: nginx, depends_on: [db] }
`);
  assert.deepEqual(declaration.services[2]?.spec.dependsOn, [
    { service: 'st_db', condition: 'healthy', required: true },
    { service: 'st_cache', condition: 'started', required: false },
  ]);
  assert.equal(declaration.services[3]?.spec.dependsOn[0]?.condition, 'started');
});

test('secrets and configs are read from files, text and variables', async () => {
  const { declaration } = await compile(
    `
services:
  web:
    image: nginx
    secrets: [token, { source: key, target: /etc/key, mode: 0400, uid: "5" }]
    configs: [{ source: site, target: /etc/site.conf }]
secrets: { token: { environment: TOKEN }, key: { file: ./key.pem } }
configs: { site: { content: "listen \${TAG}", template_driver: golang } }
`,
    { '/app/key.pem': 'PEM' },
  );
  assert.deepEqual(
    [...declaration.secrets, ...declaration.configs].map((one) => [one.spec.name, atob(one.data)]),
    [
      ['st_token', 'abc'],
      ['st_key', 'PEM'],
      ['st_site', 'listen 7'],
    ],
  );
  assert.equal(declaration.configs[0]?.spec.templating?.name, 'golang');
  assert.equal(declaration.secrets[0]?.spec.templating, undefined);
  const container = declaration.services[0]?.template.containers[0];
  assert.deepEqual(container?.secrets[1], {
    sourceId: 'st_key',
    sourceName: 'st_key',
    target: '/etc/key',
    uid: '5',
    gid: '0',
    mode: 0o400,
  });
});

test('a later document lies over an earlier one; !reset removes and !override replaces', async () => {
  const base = `
services:
  web: { image: nginx, command: [a], environment: { A: 1 }, ports: ["80:80"], labels: [x=1] }
`;
  const over = `
services:
  web: { command: [b], environment: [B=2], ports: !override ["81:81"], labels: !reset null }
`;
  const { declaration } = await compileAll({ '/app/a.yml': base, '/app/b.yml': over });
  const [web] = declaration.services;
  const container = web?.template.containers[0];
  assert.deepEqual(container?.args, ['b']);
  assert.deepEqual(container?.env, ['A=1', 'B=2']);
  assert.deepEqual(container?.labels, { 'com.docker.stack.namespace': 'st' });
  assert.deepEqual(
    web?.spec.ports.map((port) => port.publishedPort),
    [81],
  );
});

test('extends and include bring in what other files say', async () => {
  const { declaration } = await compile(
    `
include: [shared/cache.yml]
services:
  web: { extends: { file: base.yml, service: base }, environment: { B: 2 } }
`,
    {
      '/app/base.yml': 'services: { base: { image: nginx, environment: { A: 1 } } }',
      '/app/shared/cache.yml': 'services: { cache: { image: redis } }',
    },
  );
  const byName = new Map(declaration.services.map((one) => [one.spec.name, one]));
  assert.deepEqual(byName.get('st_web')?.template.containers[0]?.env, ['A=1', 'B=2']);
  assert.equal(byName.get('st_cache')?.template.containers[0]?.image, 'redis');
});

test('paths of another file start where that file stands', async () => {
  const { declaration } = await compile(
    `
include: [{ path: shared/cache.yml, env_file: shared/cache.env }]
services:
  web: { extends: { file: base/base.yml, service: base } }
`,
    {
      '/app/base/base.yml': `
services: { base: { image: nginx, env_file: web.env, volumes: ["./html:/srv"] } }`,
      '/app/base/web.env': 'A=1',
      '/app/shared/cache.yml': `
services: { cache: { image: "redis:$REDIS", secrets: [key] } }
secrets: { key: { file: ./key.pem } }`,
      '/app/shared/cache.env': 'REDIS=8',
      '/app/shared/key.pem': 'PEM',
    },
  );
  const [cache, web] = declaration.services.map((one) => one.template.containers[0]);
  assert.equal(cache?.image, 'redis:8');
  assert.equal(atob(declaration.secrets[0]?.data ?? ''), 'PEM');
  assert.deepEqual(web?.env, ['A=1']);
  assert.partialDeepStrictEqual(web?.mounts, [{ type: 'bind', source: '/app/base/html' }]);
});

test('a link is a dependency, and its alias a name on the network', async () => {
  const { declaration } = await compile(
    'services: { web: { image: nginx, links: ["db:database", cache] }, db: { image: pg }, ' +
      'cache: { image: redis } }',
  );
  const [web, db, cache] = declaration.services;
  assert.deepEqual(
    web?.spec.dependsOn.map((one) => [one.service, one.condition]),
    [
      ['st_db', 'started'],
      ['st_cache', 'started'],
    ],
  );
  assert.deepEqual(db?.template.networks[0]?.aliases, ['db', 'database']);
  assert.deepEqual(cache?.template.networks[0]?.aliases, ['cache']);
});

test('a container name is no name of a container, but one on its networks', async () => {
  const { declaration, warnings } = await compile(
    'services: { db: { image: pg, container_name: shop-db } }',
  );
  assert.deepEqual(declaration.services[0]?.template.networks[0]?.aliases, ['db', 'shop-db']);
  assert.match(warnings[0]?.message ?? '', /networks know this name/);
});

test('a variable without a value is told once, and with what went wrong for it', async () => {
  const { warnings } = await compile(
    'services: { a: { image: nginx, environment: ["A=$NONE", "B=$NONE"] } }',
  );
  assert.deepEqual(warnings, [
    {
      severity: 'warning',
      path: 'services.a.environment[0]',
      message: 'the variable NONE is not set; it became an empty string, here and in 1 more',
    },
  ]);
  await assert.rejects(
    compile(service('volumes: ["$NONE:/data"]')),
    /volumes\[0\]: the volume has no name before the ":" \(not set: NONE\)/,
  );
});

test('options of logging without a driver are those of the usual driver', async () => {
  const { template } = await onlyService('    logging: { options: { max-size: 10m } }\n');
  assert.deepEqual(template.logDriver, { name: 'json-file', options: { 'max-size': '10m' } });
  const { template: without } = await onlyService('    logging: {}\n');
  assert.equal(without.logDriver, undefined);
});

test('numbers that are too large for a number stay as they are written', async () => {
  const { container } = await onlyService('    environment: { ID: 123456789012345678901 }\n');
  assert.deepEqual(container?.env, ['ID=123456789012345678901']);
});

test('services of a profile that is off are left out', async () => {
  const { declaration } = await compile(
    'services: { web: { image: nginx }, debug: { image: busybox, profiles: [debug] } }',
  );
  assert.deepEqual(
    declaration.services.map((service) => service.spec.name),
    ['st_web'],
  );
});

test('what has no effect here is a warning with its path', async () => {
  const { warnings } = await compile(
    `
services:
  web:
    image: nginx
    container_name: x
    build: .
    depends_on: { db: { condition: service_started, restart: true } }
    domainname: y
    gpus: all
    networks: { default: { ipv6_address: 'fd00::9', priority: 7 } }
    ports: ["127.0.0.1:80:80"]
    pull_refresh_after: 1h
    tmpfs: /tmp:size=1m,noexec
    volumes: ["./x:/x:Z", { type: volume, target: /y, volume: { labels: [a=b] } }]
    deploy: { resources: { reservations: { devices: [{ capabilities: [gpu] }] } } }
  db: { image: pg }
networks:
  default:
    enable_ipv4: false
    ipam: { driver: mine, options: { a: b } }
    driver_opts: { com.docker.network.bridge.name: br0, encrypted: "true" }
`,
  );
  assert.deepEqual(warnings.map((warning) => warning.path).toSorted(), [
    'networks.default.driver_opts',
    'networks.default.enable_ipv4',
    'networks.default.ipam.driver',
    'networks.default.ipam.options',
    'services.web.build',
    'services.web.container_name',
    'services.web.depends_on.db.restart',
    'services.web.deploy.resources.reservations.devices',
    'services.web.domainname',
    'services.web.gpus',
    'services.web.networks.default.ipv6_address',
    'services.web.networks.default.priority',
    'services.web.ports[0]',
    'services.web.pull_refresh_after',
    'services.web.tmpfs',
    'services.web.volumes[0]',
    'services.web.volumes[1].volume.labels',
  ]);
});

function service(body: string): string {
  return `services: { web: { image: nginx, ${body} } }`;
}

test('bad documents are refused with path, value and remedy', async () => {
  const table: readonly (readonly [string, RegExp])[] = [
    ['services: [', /compose\.yml:1: /],
    ['just text', /expected a mapping with "services"/],
    ['services: {}', /services: a document needs at least one service/],
    ['services: { web: nginx }', /services\.web: expected a mapping/],
    ['services: { web: {} }', /services\.web: the service needs "image"/],
    [
      'services: { web: { build: . } }',
      /services\.web: images are not built here; build one \(docker build -t NAME \.\)/,
    ],
    [service('imagee: x'), /services\.web\.imagee: unknown key; did you mean "image"\?/],
    [service('ports: ["80:99999"]'), /services\.web\.ports\[0\]: ports go from 1 to 65535/],
    [service('ports: ["a:b"]'), /services\.web\.ports\[0\]: expected a port such as 8080:80/],
    [service('ports: [{ published: 80 }]'), /ports\[0\]\.target: a port needs "target"/],
    [service('volumes: ["data:/x"]'), /volumes\[0\]: the volume "data" is not declared/],
    [service('networks: [back]'), /networks\[0\]: the network "back" is not declared/],
    [service('secrets: [key]'), /secrets\[0\]: the secret "key" is not declared/],
    [
      service('deploy: { placement: { constraints: [node.fuel==1] } }'),
      /constraints\[0\]: no node has/,
    ],
    [service('volumes: ["a/b:/x"]'), /the volume "a\/b" is not declared; .* write "\.\/a\/b"/],
    [service('volumes: ["/a:/x:fast"]'), /volumes\[0\]: expected ro, rw, .* found "fast"/],
    [service('tmpfs: /tmp:size=large'), /tmpfs: expected a size such as size=64m, found "large"/],
    [service('deploy: { restart_policy: { condition: maybe } }'), /condition: expected one of any/],
    [service('restart: sometimes'), /restart: expected no, always, .* found "sometimes"/],
    [
      service('deploy: { replicas: -1 }'),
      /deploy\.replicas: expected a whole number of at least 0/,
    ],
    [service('deploy: { replicas: many }'), /deploy\.replicas: expected a number, found "many"/],
    [service('deploy: { mode: all }'), /deploy\.mode: expected one of replicated, global/],
    [service('deploy: { mode: global, replicas: 2 }'), /deploy\.replicas: a global service/],
    [service('stop_grace_period: soon'), /stop_grace_period: expected a duration/],
    [service('mem_limit: much'), /mem_limit: expected a size such as 64m/],
    [service('healthcheck: { test: [curl] }'), /test: a list starts with NONE, CMD or CMD-SHELL/],
    [service('depends_on: [db]'), /services\.web\.depends_on: there is no service "db"/],
    [
      service('depends_on: { web: { condition: up } }'),
      /condition: expected one of service_started/,
    ],
    [service('env_file: missing.env'), /env_file: no such file: \/app\/missing\.env/],
    [service('command: "sh -c \'x"'), /command: the ' quote .* is never closed/],
    [service('environment: { A: "${B" }'), /environment\.A: invalid interpolation format/],
    [service('network_mode: none'), /network_mode: "none" is not supported; .* "internal: true"/],
    [service('network_mode: "service:db"'), /network_mode: "service:db" is not supported/],
    [`${service('tty: true')}\nfoo: 1`, /^foo: unknown key/],
    [
      `${service('tty: true')}\nsecrets: { a: { file: x, driver: vault } }`,
      /secrets\.a\.driver: contents come from the document; leave the driver out/,
    ],
    [`${service('tty: true')}\nsecrets: { a: {} }`, /secrets\.a: expected one of "file"/],
  ];
  for (const [text, message] of table) {
    await assert.rejects(compile(text), (error) => {
      assert.ok(error instanceof TuttiError, text);
      assert.equal(error.code, 'invalid-argument', text);
      assert.match(error.message, message, text);
      return true;
    });
  }
});

test('every error of a document is told at once', async () => {
  await assert.rejects(
    compile('services: { a: { image: x, tty: 5x }, b: { restart: never } }'),
    (error) => error instanceof TuttiError && error.message.split('\n').length === 3,
  );
});
