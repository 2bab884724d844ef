import type { Command } from 'commander';
import { parseDurationMs } from '../compose/units.ts';
import { TuttiError } from '../lib/error.ts';
import type { ProgramHost } from './program-host.ts';
import { durationOption, runCommand } from './run-command.ts';
import { stackDeploy } from './stack-deploy.ts';
import { stackList, stackTasks } from './stack-list.ts';
import { stackLogs } from './stack-logs.ts';
import { stackPlan } from './stack-plan.ts';
import { stackRemove } from './stack-remove.ts';

/** `tutti stack …`. */
export function addStack(program: Command, host: ProgramHost): void {
  const stack = program
    .command('stack')
    .summary('deploy, look at and remove applications')
    .description('Deploys, shows and removes applications that Compose documents declare.')
    .addHelpText(
      'after',
      '\nExamples:\n  tutti stack plan -c compose.yml shop\n' +
        '  tutti stack deploy -c compose.yml shop\n  tutti stack logs -f shop web\n' +
        '  tutti stack rm shop',
    );
  addDeploy(stack, host);
  addPlan(stack, host);
  addLooks(stack, host);
  addLogs(stack, host);
  addRemove(stack, host);
}

interface DocumentFlags {
  readonly composeFile?: readonly string[];
  readonly envFile?: readonly string[];
  readonly profile?: readonly string[];
  readonly prune?: boolean;
  readonly strict?: boolean;
}

function documentCommand(stack: Command, name: string): Command {
  return stack
    .command(name)
    .argument('[stack]', "its name; default: the document's, or the directory's")
    .option('-c, --compose-file <path>', 'document, - for standard input; repeatable', collect)
    .option('--env-file <path>', 'instead of the .env beside the document; repeatable', collect)
    .option('--profile <name>', 'switch a profile on; repeatable', collect)
    .option('--prune', 'remove services of the stack that the document no longer has')
    .option('--strict', 'refuse documents that say what has no effect here');
}

function documentsOf(
  host: ProgramHost,
  given: { stack: string | undefined; flags: DocumentFlags },
) {
  return {
    stack: given.stack,
    files: given.flags.composeFile ?? [],
    envFiles: given.flags.envFile ?? [],
    profiles: given.flags.profile ?? [],
    environment: host.environment,
    note: (text: string) => host.output.note(text),
    prune: given.flags.prune === true,
    strict: given.flags.strict === true,
  };
}

interface WaitFlags {
  readonly detach?: boolean;
  readonly timeout: number;
}

interface DeployFlags extends DocumentFlags, WaitFlags {
  readonly settle: number;
  readonly patience: number;
}

function addDeploy(stack: Command, host: ProgramHost): void {
  documentCommand(stack, 'deploy')
    .summary('bring a document into the cluster, wait until it runs')
    .description(
      'Brings documents into the cluster, waits until everything runs, and says where to reach ' +
        'it. Ends as soon as it is clear that it will not come to run by itself, and says why.',
    )
    .option('-d, --detach', 'do not wait')
    .addOption(timeoutOption())
    .addOption(
      durationOption('--settle <duration>', {
        description: 'how long everything must have run',
        defaultMs: 1_000,
        shown: '1s',
      }),
    )
    .addOption(
      durationOption('--patience <duration>', {
        description: 'how long to wait for what fails again and again, or finds no node',
        defaultMs: 30_000,
        shown: '30s',
      }),
    )
    .addHelpText(
      'after',
      '\nExamples:\n  tutti stack deploy -c compose.yml shop\n' +
        '  tutti stack deploy                          compose.yml of this directory\n' +
        '  tutti stack deploy -c base.yml -c live.yml  the later document lies over the earlier\n' +
        '  make-document | tutti stack deploy -c - shop',
    )
    .action((name: string | undefined, flags: DeployFlags, command: Command) =>
      runCommand(host, {
        command,
        action: (context) =>
          stackDeploy(context, {
            ...documentsOf(host, { stack: name, flags }),
            detach: flags.detach === true,
            timeoutMs: flags.timeout,
            settleMs: flags.settle,
            patienceMs: flags.patience,
          }),
      }),
    );
}

function addPlan(stack: Command, host: ProgramHost): void {
  documentCommand(stack, 'plan')
    .summary('show what a deploy would change; changes nothing')
    .description(
      'Shows what a deploy would change and on which nodes new tasks would go. Changes nothing.',
    )
    .addHelpText('after', '\nExample:\n  tutti stack plan -c compose.yml shop')
    .action((name: string | undefined, flags: DocumentFlags, command: Command) =>
      runCommand(host, {
        command,
        action: (context) => stackPlan(context, documentsOf(host, { stack: name, flags })),
      }),
    );
}

function addLooks(stack: Command, host: ProgramHost): void {
  stack
    .command('ls')
    .summary('list the stacks')
    .description('Lists the stacks, with how many of their tasks run.')
    .addHelpText('after', '\nExample:\n  tutti stack ls --json | jq -r .[].name')
    .action((_flags, command: Command) => runCommand(host, { command, action: stackList }));
  stack
    .command('ps')
    .argument('<stack>', 'its name')
    .summary('list the tasks of a stack')
    .description('Lists the tasks of a stack, and why those that do not run do not.')
    .addHelpText('after', '\nExample:\n  tutti stack ps shop')
    .action((name: string, _flags, command: Command) =>
      runCommand(host, { command, action: (context) => stackTasks(context, name) }),
    );
}

interface LogFlags {
  readonly follow?: boolean;
  readonly tail: string;
  readonly timestamps?: boolean;
  readonly since?: string;
}

function addLogs(stack: Command, host: ProgramHost): void {
  stack
    .command('logs')
    .argument('<stack>', 'its name')
    .argument('[service]', 'one service of it, with or without the name of the stack')
    .summary('print what its containers print')
    .description('Prints what the containers of a stack print, each line after its task.')
    .option('-f, --follow', 'go on as more comes')
    .option('-n, --tail <lines>', 'lines from the end of each task', parseTail, 'all')
    .option('-t, --timestamps', 'say when each line was printed')
    .option('--since <time>', 'no older ones: 2026-11-21T08:00:00Z, or a duration', parseSince)
    .addHelpText(
      'after',
      '\nExamples:\n  tutti stack logs -f shop web\n  tutti stack logs --since 10m -t shop',
    )
    .action((name: string, service: string | undefined, ...rest: [LogFlags, Command]) => {
      const [flags, command] = rest;
      return runCommand(host, {
        command,
        action: (context) =>
          stackLogs(context, {
            stack: name,
            service,
            follow: flags.follow === true,
            tail: flags.tail,
            timestamps: flags.timestamps === true,
            since: flags.since,
          }),
      });
    });
}

function addRemove(stack: Command, host: ProgramHost): void {
  stack
    .command('rm')
    .argument('<stack>', 'its name')
    .summary('remove a stack, wait until it is gone')
    .description(
      'Removes services, networks, secrets and configs of a stack, and waits until they are ' +
        'gone. Volumes stay.',
    )
    .option('-d, --detach', 'do not wait')
    .addOption(timeoutOption())
    .addHelpText('after', '\nExample:\n  tutti stack rm shop')
    .action((name: string, flags: WaitFlags, command: Command) =>
      runCommand(host, {
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

function collect(value: string, previous: readonly string[] = []): readonly string[] {
  return [...previous, value];
}

function timeoutOption() {
  return durationOption('--timeout <duration>', {
    description: 'how long to wait',
    defaultMs: 600_000,
    shown: '10m',
  });
}

function parseTail(text: string): string {
  if (text === 'all' || /^\d{1,9}$/.test(text)) return text;
  throw new TuttiError('invalid-argument', `--tail: expected a number or all, found "${text}"`, {
    field: '--tail',
  });
}

/** To Unix seconds. */
function parseSince(text: string): string {
  const passedMs = parseDurationMs(text);
  const at = passedMs === undefined ? Date.parse(text) : Date.now() - passedMs;
  if (Number.isFinite(at) && at >= 0) return (at / 1_000).toFixed(3);
  throw new TuttiError(
    'invalid-argument',
    `--since: expected a time such as 2026-11-21T08:00:00Z or a duration such as 10m, ` +
      `found "${text}"`,
    { field: '--since' },
  );
}
