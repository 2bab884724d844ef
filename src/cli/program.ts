import { Command, Option } from 'commander';
import { ApiClient } from '../client/api-client.ts';
import { parseDurationMs } from '../compose/units.ts';
import { TuttiError } from '../lib/error.ts';
import type { CliContext, Output } from './context.ts';
import { stackDeploy } from './stack-deploy.ts';
import { stackList, stackTasks } from './stack-list.ts';
import { stackLogs } from './stack-logs.ts';
import { stackPlan } from './stack-plan.ts';
import { stackRemove } from './stack-remove.ts';
import { status } from './status.ts';
import { why } from './why.ts';

/** Settings of `tutti daemon`, as they were typed. */
export interface DaemonOptions {
  readonly dataDir: string;
  readonly socket: string;
  readonly containerEngine: string;
  readonly nodeName?: string;
}

export interface ProgramHost {
  readonly version: string;
  readonly output: Output;
  readonly signal: AbortSignal;
  readonly environment: Readonly<Record<string, string | undefined>>;
  runDaemon(options: DaemonOptions): Promise<number>;
  /** Told the exit code of the command that ran. */
  finish(exitCode: number): void;
}

const defaultSocket = '/run/tutti.sock';

/** The command line of `tutti`. */
export function buildProgram(host: ProgramHost): Command {
  const program = new Command('tutti')
    .description('Runs containers as declared, on one machine or many.')
    .version(host.version)
    .option('--socket <path>', 'the daemon to talk to [$TUTTI_SOCKET]')
    .option('--json', 'print JSON')
    .showHelpAfterError('(add --help for examples)')
    .configureHelp({ showGlobalOptions: true })
    .exitOverride();
  addDaemon(program, host);
  addStack(program, host);
  addWhy(program, host);
  program
    .command('status')
    .description('the cluster at a glance, what is wrong first; fails when something is wrong')
    .addHelpText('after', '\nExamples:\n  tutti status\n  tutti status --json | jq .problems')
    .action((_options, command: Command) => run(host, { command, action: status }));
  return program;
}

function run(
  host: ProgramHost,
  call: {
    readonly command: Command;
    readonly action: (context: CliContext) => Promise<number>;
  },
): Promise<void> {
  const { socket, json } = call.command.optsWithGlobals<{ socket?: string; json?: boolean }>();
  const context: CliContext = {
    client: new ApiClient(socket ?? host.environment['TUTTI_SOCKET'] ?? defaultSocket),
    output: host.output,
    json: json === true,
    signal: host.signal,
  };
  return call.action(context).then((exitCode) => host.finish(exitCode));
}

function addDaemon(program: Command, host: ProgramHost): void {
  program
    .command('daemon')
    .description('run the node: agent, API socket and, as a sibling process, the manager')
    .option('--data-dir <dir>', 'where state is kept', '/var/lib/tutti')
    .option('--container-engine <url>', 'Docker Engine API', 'unix:///var/run/docker.sock')
    .option('--node-name <name>', 'how this node is called; default: its host name')
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
      const socket = options.socket ?? host.environment['TUTTI_SOCKET'] ?? defaultSocket;
      host.finish(await host.runDaemon({ ...options, socket }));
    });
}

interface DocumentFlags {
  readonly composeFile: readonly string[];
  readonly envFile: readonly string[];
  readonly profile: readonly string[];
  readonly prune?: boolean;
  readonly strict?: boolean;
}

function documentCommand(stack: Command, name: string): Command {
  return stack
    .command(name)
    .argument('[stack]', "its name; default: the document's, or the directory's")
    .option('-c, --compose-file <path>', 'document, - for standard input; repeatable', collect, [])
    .option('--env-file <path>', 'instead of the .env beside the document; repeatable', collect, [])
    .option('--profile <name>', 'switch a profile on; repeatable', collect, [])
    .option('--prune', 'remove services of the stack that the document no longer has')
    .option('--strict', 'refuse documents that say what has no effect here');
}

function documentsOf(
  host: ProgramHost,
  given: { stack: string | undefined; flags: DocumentFlags },
) {
  return {
    stack: given.stack,
    files: given.flags.composeFile,
    envFiles: given.flags.envFile,
    profiles: given.flags.profile,
    environment: host.environment,
    prune: given.flags.prune === true,
    strict: given.flags.strict === true,
  };
}

function addStack(program: Command, host: ProgramHost): void {
  const stack = program.command('stack').description('deploy, look at and remove applications');
  documentCommand(stack, 'deploy')
    .description('bring a document into the cluster, wait until it runs, say where to reach it')
    .option('-d, --detach', 'do not wait')
    .addOption(timeoutOption())
    .addHelpText(
      'after',
      '\nExamples:\n  tutti stack deploy -c docker-stack.yml vote\n  tutti stack deploy',
    )
    .action(
      (
        name: string | undefined,
        flags: DocumentFlags & { readonly detach?: boolean; readonly timeout: number },
        command: Command,
      ) =>
        run(host, {
          command,
          action: (context) =>
            stackDeploy(context, {
              ...documentsOf(host, { stack: name, flags }),
              detach: flags.detach === true,
              timeoutMs: flags.timeout,
            }),
        }),
    );
  documentCommand(stack, 'plan')
    .description('show what a deploy would change and where tasks would go; changes nothing')
    .addHelpText('after', '\nExample:\n  tutti stack plan -c docker-stack.yml vote')
    .action((name: string | undefined, flags: DocumentFlags, command: Command) =>
      run(host, {
        command,
        action: (context) => stackPlan(context, documentsOf(host, { stack: name, flags })),
      }),
    );
  addStackLooks(stack, host);
}

type LogsTail = [{ readonly follow?: boolean; readonly tail: string }, Command];

function addStackLooks(stack: Command, host: ProgramHost): void {
  stack
    .command('ls')
    .description('list the stacks')
    .action((_flags, command: Command) => run(host, { command, action: stackList }));
  stack
    .command('ps')
    .argument('<stack>')
    .description('list the tasks of a stack, and why those that do not run do not')
    .action((name: string, _flags, command: Command) =>
      run(host, { command, action: (context) => stackTasks(context, name) }),
    );
  stack
    .command('logs')
    .argument('<stack>')
    .argument('[service]')
    .description("print what the stack's containers print")
    .option('-f, --follow', 'go on as more comes')
    .option('-n, --tail <lines>', 'lines from the end of each task', 'all')
    .addHelpText('after', '\nExample:\n  tutti stack logs -f vote worker')
    .action((name: string, service: string | undefined, ...[flags, command]: LogsTail) =>
      run(host, {
        command,
        action: (context) =>
          stackLogs(context, {
            stack: name,
            service,
            follow: flags.follow === true,
            tail: flags.tail,
          }),
      }),
    );
  stack
    .command('rm')
    .argument('<stack>')
    .description('remove everything of a stack but its volumes, and wait until it is gone')
    .option('-d, --detach', 'do not wait')
    .addOption(timeoutOption())
    .action(
      (
        name: string,
        flags: { readonly detach?: boolean; readonly timeout: number },
        command: Command,
      ) =>
        run(host, {
          command,
          action: (context) =>
            stackRemove(context, {
              stack: name,
              detach: flags.detach === true,
              timeoutMs: flags.timeout,
            }),
        }),
    );
}

function addWhy(program: Command, host: ProgramHost): void {
  const command = program
    .command('why')
    .description('say why a task, a service or a name is as it is')
    .addHelpText(
      'after',
      '\nExamples:\n  tutti why task vote_worker.1\n  tutti why service vote_worker\n' +
        '  tutti why dns redis --from vote_vote.1',
    );
  for (const [name, kind] of [
    ['task', 'tasks'],
    ['service', 'services'],
    ['dns', 'dns'],
  ] as const) {
    const one = command.command(name).argument('<reference>', 'name, id or prefix of an id');
    if (name === 'dns') one.option('--from <task>', 'answer as this task would get it');
    one.action((reference: string, flags: { readonly from?: string }, self: Command) =>
      run(host, {
        command: self,
        action: (context) =>
          why(context, { kind, reference, ...(flags.from !== undefined && { from: flags.from }) }),
      }),
    );
  }
}

function collect(value: string, previous: readonly string[]): readonly string[] {
  return [...previous, value];
}

function timeoutOption(): Option {
  return new Option('--timeout <duration>', 'how long to wait')
    .default(600_000, '10m')
    .argParser((text) => {
      const parsed = parseDurationMs(text);
      if (parsed === undefined) {
        throw new TuttiError('invalid-argument', `--timeout: expected 30s or 5m, found "${text}"`, {
          field: '--timeout',
        });
      }
      return parsed;
    });
}
