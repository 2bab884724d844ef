import { badBackups, badListings, badRestores } from './bad-backups.ts';
import type { BadCase } from './bad-case.ts';
import { badDocuments } from './bad-documents.ts';
import type { CliNode } from './cli-node.ts';

export interface BadCommand {
  readonly command: readonly string[];
  readonly cases: readonly BadCase[];
}

const image = 'tutti-test/busybox:1';
const longName = 'n'.repeat(300);

/** What every command refuses; `given` are parameters that it would take. */
function badOptions(given: readonly string[]): readonly BadCase[] {
  return [
    {
      what: 'an unknown option',
      parameters: ['--bogus', ...given],
      says: /unknown option '--bogus'/,
    },
    { what: 'a misspelt option', parameters: ['--jsn', ...given], says: /'--jsn'/ },
    {
      what: 'no value for --socket',
      parameters: [...given, '--socket'],
      says: /--socket.* missing/,
    },
  ];
}

/** Daemons that cannot be reached: every command says so. */
function badSockets(given: readonly string[]): readonly BadCase[] {
  return [
    {
      what: 'a socket that is not there',
      parameters: [...given, '--socket', '/nowhere.sock'],
      code: 3,
      says: /no daemon answers on \/nowhere\.sock: it is not there/,
    },
    {
      what: 'a file as socket',
      parameters: [...given, '--socket', '/etc/passwd'],
      code: 3,
      says: /no daemon answers on \/etc\/passwd: nobody listens/,
    },
  ];
}

const badSocketPaths: readonly BadCase[] = [
  {
    what: 'a directory as socket',
    parameters: ['--socket', '/'],
    code: 3,
    says: /no daemon answers on \/: nobody listens/,
  },
  {
    what: 'a socket below a file',
    parameters: ['--socket', '/etc/passwd/x.sock'],
    code: 3,
    says: /--socket: "\/etc\/passwd\/x\.sock" is no socket/,
  },
  {
    what: 'a socket with too long a path',
    parameters: ['--socket', `/${longName}`],
    code: 3,
    says: /--socket: .* longer than 107 bytes/,
  },
  { what: 'an empty socket', parameters: ['--socket', ''], code: 3, says: /--socket: "" is no/ },
];

/** Names of stacks that are none, or that nothing has. */
const badStackNames: readonly BadCase[] = [
  { what: 'no stack', parameters: [], says: /missing required argument 'stack'/ },
  { what: 'an unknown stack', parameters: ['nobody'], says: /nobody/ },
  {
    what: 'a path as stack',
    parameters: ['../../etc/passwd'],
    says: /stack.*\.\.\/\.\.\/etc\/passwd/,
  },
  { what: 'a shell as stack', parameters: ['$(reboot)'], says: /stack.*\$\(reboot\)/ },
  { what: 'an empty stack', parameters: [''], says: /stack/ },
  { what: 'a very long stack', parameters: [longName], says: /stack/ },
];

/** Names of tasks and services that nothing has. */
function badReferences(kind: string): readonly BadCase[] {
  return [
    { what: `no ${kind}`, parameters: [], says: new RegExp(`missing required argument '${kind}'`) },
    { what: `two ${kind}s`, parameters: ['a', 'b'], says: /too many arguments/ },
    {
      what: `an unknown ${kind}`,
      parameters: ['nobody'],
      says: new RegExp(`no such ${kind}: nobody`),
    },
    {
      what: `a path as ${kind}`,
      parameters: ['../status'],
      says: new RegExp(`no such ${kind}: \\.\\./status`),
    },
    {
      what: `a shell as ${kind}`,
      parameters: ['`id`;x'],
      says: new RegExp(`no such ${kind}: \`id\`;x`),
    },
    { what: `an empty ${kind}`, parameters: [''], says: new RegExp(`no such ${kind}`) },
    { what: `a very long ${kind}`, parameters: [longName], says: new RegExp(`no such ${kind}`) },
  ];
}

/** Names that DNS does not know are no errors: they are explained. What is left is the form. */
const badNames: readonly BadCase[] = [
  { what: 'no name', parameters: [], says: /missing required argument 'name'/ },
  { what: 'two names', parameters: ['a', 'b'], says: /too many arguments/ },
  {
    what: 'no value for --from',
    parameters: ['db', '--from'],
    says: /--from <task>' argument missing/,
  },
];

const badPorts: readonly BadCase[] = [
  { what: 'no port', parameters: [], says: /missing required argument 'port'/ },
  { what: 'two ports', parameters: ['80', '81'], says: /too many arguments/ },
  ...['0', '65536', 'http', '80/http', '80/'].map((text) => ({
    what: `"${text}" as a port`,
    parameters: [text],
    says: /port: expected a number up to 65535.* found "/,
  })),
];

/** Every command, with what it refuses. */
export const badCommands: readonly BadCommand[] = [
  {
    command: ['stack', 'deploy'],
    cases: [
      ...badOptions(['-c', 'good.yml', 'st']),
      ...badSockets(['-c', 'good.yml', 'st']),
      ...badDocuments,
      {
        what: 'a timeout that is a word',
        parameters: ['--timeout', 'soon', '-c', 'good.yml', 'st'],
        says: /--timeout: expected a duration such as 30s or 5m.* found "soon"/,
      },
      {
        what: 'a timeout of years',
        parameters: ['--timeout', '9999d', '-c', 'good.yml', 'st'],
        says: /--timeout: .* found "9999d"/,
      },
      {
        what: 'a patience that is negative',
        parameters: ['--patience=-1s', '-c', 'good.yml', 'st'],
        says: /--patience: .* found "-1s"/,
      },
      {
        what: 'a warning where none is allowed',
        parameters: ['--strict', '-c', 'warned.yml', 'st'],
        says: /services\.web\.container_name: ignored/,
      },
    ],
  },
  {
    command: ['stack', 'plan'],
    cases: [
      ...badOptions(['-c', 'good.yml', 'st']),
      ...badSockets(['-c', 'good.yml', 'st']),
      ...badDocuments,
      {
        what: 'an option of deploy',
        parameters: ['--detach', '-c', 'good.yml', 'st'],
        says: /unknown option '--detach'/,
      },
    ],
  },
  {
    command: ['stack', 'ls'],
    cases: [
      ...badOptions([]),
      ...badSockets([]),
      ...badSocketPaths,
      { what: 'an argument', parameters: ['st'], says: /too many arguments for 'ls'/ },
    ],
  },
  {
    command: ['stack', 'ps'],
    cases: [
      ...badOptions(['st']),
      ...badSockets(['st']),
      ...badStackNames,
      { what: 'two stacks', parameters: ['a', 'b'], says: /too many arguments for 'ps'/ },
    ],
  },
  {
    command: ['stack', 'logs'],
    cases: [
      ...badOptions(['st']),
      ...badSockets(['st']),
      ...badStackNames,
      {
        what: 'a tail that is a word',
        parameters: ['-n', 'some', 'there'],
        says: /--tail: expected a number or all, found "some"/,
      },
      {
        what: 'a negative tail',
        parameters: ['--tail=-1', 'there'],
        says: /--tail: .* found "-1"/,
      },
      {
        what: 'a time that is none',
        parameters: ['--since', 'yesterday', 'there'],
        says: /--since: .* found "yesterday"/,
      },
      {
        what: 'an unknown service',
        parameters: ['there', 'nobody'],
        says: /the stack there has no service "nobody"/,
      },
      {
        what: 'a path as service',
        parameters: ['there', '../web'],
        says: /has no service "\.\.\/web"/,
      },
    ],
  },
  {
    command: ['stack', 'rm'],
    cases: [
      ...badOptions(['st']),
      ...badSockets(['st']),
      ...badStackNames,
      { what: 'two stacks', parameters: ['a', 'b'], says: /too many arguments for 'rm'/ },
      {
        what: 'a timeout that is a word',
        parameters: ['--timeout', '1 apple', 'st'],
        says: /--timeout: .* found "1 apple"/,
      },
    ],
  },
  {
    command: ['node', 'ls'],
    cases: [
      ...badOptions([]),
      ...badSockets([]),
      ...badSocketPaths,
      { what: 'an argument', parameters: ['self'], says: /too many arguments for 'ls'/ },
    ],
  },
  {
    command: ['node', 'inspect'],
    cases: [...badOptions(['self']), ...badSockets(['self']), ...badReferences('node')],
  },
  {
    command: ['node', 'drain'],
    cases: [
      ...badOptions(['self']),
      ...badSockets(['self']),
      ...badReferences('node'),
      {
        what: 'a timeout that is a word',
        parameters: ['--timeout', 'soon', 'self'],
        says: /--timeout: expected a duration .* found "soon"/,
      },
      {
        what: 'a timeout of years',
        parameters: ['--timeout', '9999d', 'self'],
        says: /--timeout: .* found "9999d"/,
      },
      {
        what: 'a negative timeout',
        parameters: ['--timeout=-1s', 'self'],
        says: /--timeout: .* found "-1s"/,
      },
    ],
  },
  ...['pause', 'activate'].map((name) => ({
    command: ['node', name],
    cases: [
      ...badOptions(['self']),
      ...badSockets(['self']),
      ...badReferences('node'),
      {
        what: 'an option of drain',
        parameters: ['--timeout', '1m', 'self'],
        says: /unknown option '--timeout'/,
      },
    ],
  })),
  {
    command: ['cluster', 'recover'],
    cases: [
      ...badOptions([]),
      ...badSockets(['--yes']),
      ...badSocketPaths,
      { what: 'an argument', parameters: ['node-1'], says: /too many arguments for 'recover'/ },
      {
        what: 'a manager that works',
        parameters: ['--yes'],
        says: /this manager is the only one, and works: there is nothing to recover/,
      },
      {
        what: 'a manager that works, for a plan',
        parameters: ['--plan'],
        says: /this manager is the only one, and works/,
      },
      {
        what: 'a plan that is let happen',
        parameters: ['--plan', '--yes'],
        says: /--plan changes nothing, and --yes lets it: give one of them/,
      },
      {
        what: 'a backup, which restore takes',
        parameters: ['--from', 'x.backup'],
        says: /unknown option '--from'/,
      },
      {
        what: 'a timeout that is a word',
        parameters: ['--yes', '--timeout', 'soon'],
        says: /--timeout: expected a duration .* found "soon"/,
      },
      {
        what: 'a negative timeout',
        parameters: ['--yes', '--timeout=-1s'],
        says: /--timeout: .* found "-1s"/,
      },
    ],
  },
  {
    command: ['rebalance'],
    cases: [
      ...badOptions([]),
      ...badSockets([]),
      ...badSocketPaths,
      {
        what: 'an unknown service',
        parameters: ['nobody'],
        says: /no such service: nobody/,
      },
      {
        what: 'a path as service',
        parameters: ['--plan', '../nodes'],
        says: /no such service: \.\.\/nodes/,
      },
      { what: 'an empty service', parameters: [''], says: /no such service/ },
      { what: 'a very long service', parameters: [longName], says: /no such service/ },
      {
        what: 'one service that is not there among others',
        parameters: ['there_web', 'nobody'],
        says: /no such service: nobody/,
      },
      {
        what: 'a plan that is to stop',
        parameters: ['--plan', '--stop'],
        says: /--plan and --stop do not go together/,
      },
      {
        what: 'services that are to stop',
        parameters: ['--stop', 'there_web'],
        says: /--stop: ends the whole rebalance/,
      },
      {
        what: 'a timeout that is a word',
        parameters: ['--timeout', 'soon'],
        says: /--timeout: expected a duration .* found "soon"/,
      },
    ],
  },
  {
    command: ['why', 'task'],
    cases: [...badOptions(['a']), ...badSockets(['a']), ...badReferences('task')],
  },
  {
    command: ['why', 'service'],
    cases: [...badOptions(['a']), ...badSockets(['a']), ...badReferences('service')],
  },
  {
    command: ['why', 'dns'],
    cases: [...badOptions(['a']), ...badSockets(['a']), ...badNames],
  },
  {
    command: ['why', 'port'],
    cases: [...badOptions(['80']), ...badSockets(['80']), ...badPorts],
  },
  {
    command: ['status'],
    cases: [
      ...badOptions([]),
      ...badSockets([]),
      ...badSocketPaths,
      { what: 'an argument', parameters: ['st'], says: /too many arguments for 'status'/ },
    ],
  },
  { command: ['backup'], cases: [...badOptions(['x.backup']), ...badBackups] },
  {
    command: ['backup', 'ls'],
    cases: [...badOptions([]), ...badSockets([]), ...badSocketPaths, ...badListings],
  },
  { command: ['restore'], cases: [...badOptions(['whole.backup']), ...badRestores] },
  {
    command: ['daemon'],
    cases: [
      ...badOptions([]),
      { what: 'an argument', parameters: ['start'], says: /too many arguments for 'daemon'/ },
      {
        what: 'no value for --data-dir',
        parameters: ['--data-dir'],
        says: /--data-dir <dir>' argument missing/,
      },
      {
        what: 'a file as data directory',
        parameters: ['--data-dir', 'good.yml', '--socket', '/run/tutti-bad.sock'],
        says: /--data-dir: cannot use ".*good\.yml": it is no directory/,
      },
      {
        what: 'a data directory that cannot be made',
        parameters: ['--data-dir', '/proc/x', '--socket', '/run/tutti-bad.sock'],
        says: /--data-dir: cannot use "\/proc\/x"/,
      },
      {
        what: 'an empty data directory',
        parameters: ['--data-dir', '', '--socket', '/run/tutti-bad.sock'],
        says: /--data-dir: expected a directory, found ""/,
      },
      {
        what: 'too long a data directory',
        parameters: ['--data-dir', `deep-${'d'.repeat(120)}`, '--socket', '/run/tutti-bad.sock'],
        says: /--data-dir: the path is too long/,
      },
      {
        what: 'a relative socket',
        parameters: ['--socket', 'here.sock'],
        says: /--socket: expected an absolute path, or unix:\/\/\/PATH, found "here\.sock"/,
      },
      {
        what: 'a socket in no directory',
        parameters: ['--socket', '/nowhere/t.sock'],
        says: /--socket: cannot use the directory "\/nowhere"/,
      },
      {
        what: 'a file as socket',
        parameters: ['--socket', '/etc/passwd'],
        says: /--socket: "\/etc\/passwd" is there already and no socket/,
      },
      {
        what: 'an engine over TCP',
        parameters: [
          '--container-engine',
          'tcp://10.0.0.1:2375',
          '--socket',
          '/run/tutti-bad.sock',
        ],
        says: /--container-engine: .* found "tcp:\/\/10\.0\.0\.1:2375"/,
      },
      {
        what: 'a node name with spaces',
        parameters: ['--node-name', 'my node'],
        says: /--node-name: .* found "my node"/,
      },
      {
        what: 'a node name with a path',
        parameters: ['--node-name', '../x'],
        says: /--node-name: .* found "\.\.\/x"/,
      },
    ],
  },
];

/** Files that the cases name. */
export async function writeBadFiles(cli: CliNode): Promise<void> {
  await cli.write('good.yml', `services: { web: { image: "${image}" } }`);
  await cli.write('warned.yml', `services: { web: { image: "${image}", container_name: x } }`);
  await cli.write('bad.env', 'A=1\n= nothing\n');
  await cli.write('big.bin', 'x'.repeat(1_200_000));
}
