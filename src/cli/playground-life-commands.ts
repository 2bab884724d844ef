import { type Command, Option } from 'commander';
import type { UpRequest } from '../playground/playground.ts';
import { checkEngine, collect, parseCount } from './playground-arguments.ts';
import { act, type NameFlag, nameOption } from './playground-context.ts';
import { playgroundDown, playgroundExec, playgroundList, playgroundUp } from './playground-life.ts';
import type { ProgramHost } from './program-host.ts';

const defaultName = 'playground';

/** Making, looking at, entering and removing playgrounds. */
export function addPlaygroundLife(playground: Command, host: ProgramHost): void {
  addUp(playground, host);
  addList(playground, host);
  addExec(playground, host);
  addDown(playground, host);
}

interface UpFlags {
  readonly name: string;
  readonly managers: number;
  readonly workers: number;
  readonly engine: string;
  readonly image?: readonly string[];
  readonly archive?: readonly string[];
  readonly cluster: boolean;
}

function addUp(playground: Command, host: ProgramHost): void {
  playground
    .command('up')
    .summary('make hosts, and a cluster of them')
    .description(
      'Makes hosts, starts a container engine and a daemon on each, and makes a cluster of them. ' +
        'Hosts have no way out of this machine: images are brought in with --image or --archive.',
    )
    .option('--name <name>', 'of the playground', defaultName)
    .option('--managers <count>', 'how many managers', parseCount('--managers'), 1)
    .option('--workers <count>', 'how many workers', parseCount('--workers'), 2)
    .addOption(new Option('--engine <kind>', 'container engine of each host').default('docker'))
    .option('--image <tag>', "image of this machine's engine for every host; repeatable", collect)
    .option('--archive <file>', 'images as docker save writes them; repeatable', collect)
    .option('--no-cluster', 'leave every host by itself')
    .addHelpText(
      'after',
      '\nExamples:\n  tutti playground up\n' +
        '  tutti playground up --name demo --workers 4 --image redis:alpine\n' +
        '  docker save -o images.tar web:1 db:1; tutti playground up --archive images.tar',
    )
    .action((flags: UpFlags, command: Command) => {
      checkEngine(flags.engine);
      const { name, managers, workers, cluster, image = [], archive = [] } = flags;
      const request: UpRequest = {
        name,
        managers,
        workers,
        cluster,
        images: image,
        archives: archive,
      };
      return act(host, { command, action: (context) => playgroundUp(context, request) });
    });
}

function addList(playground: Command, host: ProgramHost): void {
  playground
    .command('ls')
    .summary('hosts, their addresses, sockets and processes')
    .description('Shows the hosts of playgrounds, and which links are cut or lose packets.')
    .addOption(new Option('--name <name>', 'of the playground; default: all'))
    .addHelpText(
      'after',
      '\nExamples:\n  tutti playground ls\n' +
        "  tutti playground ls --json | jq -r '.[].hosts[].apiSocket'",
    )
    .action((_flags: NameFlag, command: Command) => act(host, { command, action: playgroundList }));
}

function addExec(playground: Command, host: ProgramHost): void {
  playground
    .command('exec')
    .summary('run a program on a host')
    .description(
      'Runs a program on a host, on this terminal; ends as the program does. There, docker and ' +
        'tutti talk to the daemon of the host; its container engine is at /run/docker.sock.',
    )
    .argument('<host>', 'such as worker-1')
    .argument('<command...>', 'after --')
    .addOption(nameOption())
    .addHelpText(
      'after',
      '\nExamples:\n  tutti playground exec manager-1 -- docker node ls\n' +
        '  tutti playground exec worker-1 -- ping -c 1 manager-1\n' +
        '  tutti playground exec worker-1 -- bash',
    )
    .action((...[hostName, words, , command]: [string, readonly string[], NameFlag, Command]) =>
      act(host, {
        command,
        action: (context) => playgroundExec(context, { host: hostName, words }),
      }),
    );
}

function addDown(playground: Command, host: ProgramHost): void {
  playground
    .command('down')
    .summary('remove a playground and all that is in it')
    .description('Removes a playground, also one that was half made or half removed.')
    .addOption(nameOption())
    .addHelpText(
      'after',
      '\nExamples:\n  tutti playground down\n  tutti playground down --name demo',
    )
    .action((_flags: NameFlag, command: Command) => act(host, { command, action: playgroundDown }));
}
