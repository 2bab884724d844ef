import { Command, Option } from 'commander';
import { TuttiError } from '../lib/error.ts';
import { addBackup, addRestore } from './backup-command.ts';
import { addCluster } from './cluster-command.ts';
import { checkDaemonOptions } from './daemon-options.ts';
import { addDoctor } from './doctor-command.ts';
import { addNode } from './node-command.ts';
import { addPlayground } from './playground-command.ts';
import type { DaemonOptions, ProgramHost } from './program-host.ts';
import { addRebalance } from './rebalance-command.ts';
import { runCommand, socketOf } from './run-command.ts';
import { addStack } from './stack-command.ts';
import { addSwarm } from './swarm-command.ts';
import { status } from './status.ts';
import { why } from './why.ts';

/** The command line of `tutti`. */
export function buildProgram(host: ProgramHost): Command {
  const program = new Command('tutti')
    .description('Runs containers as declared, on one machine or many.')
    .version(host.version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show options and examples')
    .option('--socket <path>', 'socket of the daemon [$TUTTI_SOCKET, else /run/tutti.sock]')
    .option('--json', 'print the result as JSON, and no progress')
    .configureHelp({ showGlobalOptions: true })
    // Errors are told in one place, by whoever runs the program.
    .configureOutput({ outputError: () => undefined })
    .exitOverride()
    .addHelpText('after', programExamples);
  addDaemon(program, host);
  addStack(program, host);
  addNode(program, host);
  addSwarm(program, host);
  addRebalance(program, host);
  addWhy(program, host);
  addDoctor(program, host);
  addBackup(program, host);
  addRestore(program, host);
  addCluster(program, host);
  addPlayground(program, host);
  program
    .command('status')
    .summary('the cluster at a glance, what is wrong first')
    .description(
      'The cluster at a glance, what is wrong first. Ends with 1 when something is wrong: a task ' +
        'that should run and does not, a node that is away, an update that stopped.',
    )
    .addHelpText('after', '\nExamples:\n  tutti status\n  tutti status --json | jq .problems')
    .action((_options, command: Command) => runCommand(host, { command, action: status }));
  return program;
}

const programExamples = `
Examples:
  tutti daemon &                              run the node
  tutti stack deploy -c compose.yml shop      bring an application into the cluster
  tutti status                                is everything all right?
  tutti why task shop_web.1                   why does it not run, and what to do

Exit codes:
  0 done; 1 it failed or something is wrong; 2 the command line or a document is wrong, nothing
  changed; 3 no daemon answers; 4 it did not converge in time; 130 Ctrl-C`;

function addDaemon(program: Command, host: ProgramHost): void {
  program
    .command('daemon')
    .summary('run the node')
    .description(
      'Runs the node: agent, API socket and, as a sibling process, the manager. Its log is JSON ' +
        'lines on standard error; $TUTTI_LOG_LEVEL is debug, info, warn or error.',
    )
    .option('--data-dir <dir>', 'where state is kept', '/var/lib/tutti')
    .option(
      '--container-engine <url>',
      'socket of the Docker Engine API',
      'unix:///var/run/docker.sock',
    )
    .addOption(
      new Option('--node-name <name>', 'how this node is called; default: its host name').argParser(
        parseNodeName,
      ),
    )
    .option(
      '--advertise-addr <address>',
      'where others find this node, or the interface that has it; default: as it joined',
    )
    .addHelpText(
      'after',
      '\nExample:\n  tutti daemon --data-dir /var/lib/tutti --socket /run/tutti.sock \\\n' +
        '    --container-engine unix:///var/run/docker.sock --node-name node-1\n' +
        '  docker -H unix:///run/tutti.sock swarm init --advertise-addr 127.0.0.1',
    )
    .action(async (_options, command: Command) => {
      const options = command.optsWithGlobals<
        Omit<DaemonOptions, 'socket'> & { socket?: string }
      >();
      const checked = checkDaemonOptions({ ...options, socket: socketOf(options, host) });
      host.finish(await host.runDaemon(checked));
    });
}

const explained = [
  {
    name: 'task',
    kind: 'tasks',
    argument: '<task>',
    what: 'as SERVICE.SLOT or SERVICE.NODE, or (the beginning of) its id',
    says: 'Says in which state a task is and why, how it failed before, and what to do.',
    example: 'tutti why task shop_web.1',
  },
  {
    name: 'service',
    kind: 'services',
    argument: '<service>',
    what: 'its full name, or (the beginning of) its id',
    says: 'Says how far a service is, why tasks of it do not run, and where it answers.',
    example: 'tutti why service shop_web',
  },
  {
    name: 'dns',
    kind: 'dns',
    argument: '<name>',
    what: 'a service, an alias, or tasks.SERVICE',
    says: 'Says what a name answers with, network by network, and which tasks are left out.',
    example: 'tutti why dns db\n  tutti why dns db --from shop_web.1',
  },
  {
    name: 'port',
    kind: 'ports',
    argument: '<port>',
    what: 'a published port, alone or with its protocol: 8080, 53/udp',
    says: 'Says who publishes a port, to which tasks this node leads its callers, and who is left out.',
    example: 'tutti why port 8080',
  },
] as const;

function addWhy(program: Command, host: ProgramHost): void {
  const command = program
    .command('why')
    .description('Says why a task, a service, a name or a port is as it is, and what to do.')
    .addHelpText(
      'after',
      `\nExamples:\n${explained.map(({ example }) => `  ${example}`).join('\n')}`,
    );
  for (const { name, kind, argument, what, says, example } of explained) {
    const one = command
      .command(name)
      .summary(`why a ${name === 'dns' ? 'name answers as it does' : `${name} is as it is`}`)
      .description(says)
      .argument(argument, what)
      .addHelpText('after', `\nExample:\n  ${example}`);
    if (name === 'dns') one.option('--from <task>', 'answer as this task would get it');
    one.action((reference: string, flags: { readonly from?: string }, self: Command) =>
      runCommand(host, {
        command: self,
        action: (context) =>
          why(context, { kind, reference, ...(flags.from !== undefined && { from: flags.from }) }),
      }),
    );
  }
}

const longestNodeName = 63;

function parseNodeName(text: string): string {
  if (text.length <= longestNodeName && /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/i.test(text)) return text;
  throw new TuttiError(
    'invalid-argument',
    `--node-name: expected up to ${longestNodeName} letters, digits, - and ., found "${text}"`,
    { field: '--node-name' },
  );
}
