import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { TuttiError } from '../../src/lib/error.ts';
import type { LayerEntry, LayerRecipe } from './layer-recipe.ts';

/** What can be built here. */
export type RecipeName = 'vote' | 'result' | 'worker' | 'redis' | 'postgres' | 'busybox';

/** How to make an image: its layers from the lowest up, and how its containers run. */
export interface ImageRecipe {
  readonly layers: readonly LayerRecipe[];
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly exposedPorts: readonly string[];
  readonly workingDirectory: string;
}

const applicationDirectory = fileURLToPath(new URL('../../examples/voting-app', import.meta.url));
const toolDirectory = fileURLToPath(new URL('.', import.meta.url));
const searchPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin';

/** The recipe of an image; `version` is what the running application says of itself. */
export function imageRecipe(name: RecipeName, version: string): ImageRecipe {
  switch (name) {
    case 'vote':
    case 'result':
      return { ...nodeProgram(name, version), exposedPorts: ['80/tcp'] };
    case 'worker':
      return nodeProgram(name, version);
    case 'redis':
      return redis();
    case 'postgres':
      return postgres();
    case 'busybox':
      return busybox(version);
  }
}

/** Documentation, translations and what only an installed system reads. */
const neverNeeded = [
  'usr/share/{bash-completion,bug,doc,doc-base,gcc,gdb,info,initramfs-tools,lintian,locale,man}',
  'etc/{cron.d,default,init.d,logrotate.d,pam.d}',
  'usr/lib/{systemd,tmpfiles.d,udev}',
  'var/{cache,log}',
];

const basePackages = ['libc6', 'libstdc++6', 'libatomic1', 'busybox-static'];

/** A C library, a shell and users: what all but the smallest image stand on. */
const base: readonly LayerRecipe[] = [
  {
    kind: 'packages',
    packages: basePackages,
    below: [],
    leftOut: [...neverNeeded, 'usr/lib/*/{gconv,audit}'],
  },
  { kind: 'entries', what: 'users and directories', entries: systemFiles() },
];

function nodeProgram(name: 'vote' | 'result' | 'worker', version: string): ImageRecipe {
  return {
    layers: [
      ...base,
      { kind: 'entries', what: 'Node', entries: [nodeBinary()] },
      { kind: 'node-modules', directory: applicationDirectory, path: '/app/node_modules' },
      { kind: 'entries', what: `the program ${name}`, entries: applicationFiles(name) },
    ],
    entrypoint: [],
    command: ['node', `/app/${name}/main.ts`],
    environment: { PATH: searchPath, NODE_ENV: 'production', APP_VERSION: version },
    exposedPorts: [],
    workingDirectory: '/app',
  };
}

function redis(): ImageRecipe {
  return {
    layers: [
      ...base,
      {
        kind: 'packages',
        packages: ['redis-server'],
        below: basePackages,
        leftOut: [...neverNeeded, 'etc/redis', 'usr/bin/redis-benchmark'],
      },
      { kind: 'entries', what: 'how redis starts', entries: [entrypoint('redis')] },
    ],
    entrypoint: ['entrypoint'],
    command: ['redis-server'],
    environment: { PATH: searchPath },
    exposedPorts: ['6379/tcp'],
    workingDirectory: '/data',
  };
}

function postgres(): ImageRecipe {
  const home = 'usr/lib/postgresql';
  return {
    layers: [
      ...base,
      {
        kind: 'packages',
        // libc-bin has the locale C.UTF-8, util-linux has flock.
        packages: ['postgresql', 'libc-bin', 'util-linux'],
        below: basePackages,
        leftOut: [
          ...neverNeeded,
          `${home}/*/lib/bitcode`,
          `${home}/*/lib/llvmjit*`,
          'etc/postgresql-common',
          'usr/share/postgresql-common',
        ],
      },
      {
        kind: 'entries',
        what: 'how postgres starts',
        entries: [
          entrypoint('db'),
          ...postgresPrograms.map((program) => programOfAnyVersion(program)),
        ],
      },
    ],
    entrypoint: ['entrypoint'],
    command: ['postgres'],
    environment: { PATH: searchPath },
    exposedPorts: ['5432/tcp'],
    workingDirectory: '/',
  };
}

const postgresPrograms = ['initdb', 'postgres', 'pg_isready', 'psql', 'pg_dump'];

/** The distribution keeps the programs in a directory of their version, outside of PATH. */
function programOfAnyVersion(program: string): LayerEntry {
  return {
    kind: 'text',
    path: `/usr/local/bin/${program}`,
    mode: 0o755,
    text: `#!/bin/sh\nexec /usr/lib/postgresql/*/bin/${program} "$@"\n`,
  };
}

/** A small image for tests; `obey` and `web` are programs that stop when they are told to. */
function busybox(version: string): ImageRecipe {
  const script = (name: string, path: string): LayerEntry => ({
    kind: 'copy',
    path,
    mode: 0o755,
    from: join(toolDirectory, 'busybox', name),
  });
  return {
    layers: [
      { kind: 'packages', packages: ['busybox-static'], below: [], leftOut: neverNeeded },
      {
        kind: 'entries',
        what: 'users, directories and small programs',
        entries: [
          ...systemFiles(),
          script('obey.sh', '/usr/local/bin/obey'),
          script('web.sh', '/usr/local/bin/web'),
          script('hostname.sh', '/www/cgi-bin/hostname'),
        ],
      },
      {
        kind: 'entries',
        what: 'a page with the version',
        entries: [{ kind: 'text', path: '/www/version', mode: 0o644, text: `${version}\n` }],
      },
    ],
    entrypoint: [],
    command: ['obey'],
    environment: { PATH: searchPath, APP_VERSION: version },
    exposedPorts: [],
    workingDirectory: '/',
  };
}

function systemFiles(): readonly LayerEntry[] {
  const users = ['root:0:0:/root', 'postgres:70:70:/var/lib/postgresql', 'redis:999:999:/data'];
  users.push('nobody:65534:65534:/nonexistent');
  const fields = users.map((user) => user.split(':') as [string, string, string, string]);
  const text = (path: string, lines: readonly string[]): LayerEntry => ({
    kind: 'text',
    path,
    mode: 0o644,
    text: lines.map((line) => `${line}\n`).join(''),
  });
  return [
    text(
      '/etc/passwd',
      fields.map(([name, user, group, home]) => `${name}:x:${user}:${group}::${home}:/bin/sh`),
    ),
    text(
      '/etc/group',
      fields.map(([name, , group]) => `${name}:x:${group}:`),
    ),
    text('/etc/nsswitch.conf', ['passwd: files', 'group: files', 'hosts: files dns']),
    { kind: 'directory', path: '/root', mode: 0o700 },
    { kind: 'directory', path: '/run', mode: 0o755 },
    { kind: 'directory', path: '/tmp', mode: 0o1777 },
    { kind: 'link', path: '/var/run', target: '/run' },
  ];
}

function entrypoint(directory: 'redis' | 'db'): LayerEntry {
  return {
    kind: 'copy',
    path: '/usr/local/bin/entrypoint',
    mode: 0o755,
    from: join(applicationDirectory, directory, 'entrypoint.sh'),
  };
}

function applicationFiles(name: string): readonly LayerEntry[] {
  const sources = ['shared', name].flatMap((directory) =>
    readdirSync(join(applicationDirectory, directory))
      .filter((file) => file.endsWith('.ts') && !file.endsWith('.test.ts'))
      .map((file) => `${directory}/${file}`),
  );
  return ['package.json', ...sources].map((file) => ({
    kind: 'copy',
    path: `/app/${file}`,
    mode: 0o644,
    from: join(applicationDirectory, file),
  }));
}

/** The Node of the project's own dependencies, whatever runs this. */
function nodeBinary(): LayerEntry {
  const packageName = `node-linux-${process.arch}`;
  const require = createRequire(import.meta.url);
  try {
    const manifest = require.resolve(`${packageName}/package.json`);
    const { version } = require(manifest) as { version: string };
    return {
      kind: 'copy',
      path: '/usr/local/bin/node',
      mode: 0o755,
      from: join(dirname(manifest), 'bin/node'),
      identity: `${packageName}@${version}`,
    };
  } catch (error) {
    throw new TuttiError('failed-precondition', `The package ${packageName} is not installed.`, {
      hint: 'Run `npm install` in the root of the repository.',
      cause: error,
    });
  }
}
