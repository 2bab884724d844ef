import { type Command, Option } from 'commander';
import { defaultListenAddress } from '../lib/host-port.ts';
import { type CliContext, exitCodes } from './context.ts';
import type { ProgramHost } from './program-host.ts';
import { runCommand } from './run-command.ts';

interface JoinFlags {
  readonly token: string;
  readonly advertiseAddr?: string;
  readonly availability: string;
}

/** `tutti swarm …`: this machine in a cluster of several, in Docker's words. */
export function addSwarm(program: Command, host: ProgramHost): void {
  const swarm = program
    .command('swarm')
    .summary('join a cluster of several machines, and leave it')
    .description('Makes this machine a node of a cluster that another machine manages.')
    .addHelpText('after', '\nExample:\n  docker swarm join-token worker   # on the manager');
  swarm
    .command('join')
    .argument('<address...>', 'of a manager, such as 192.0.2.1:2377; all are tried')
    .summary('join a cluster, as the worker or manager that the token is for')
    .description(
      'Joins the cluster of a manager, and waits up to 20 s until this machine is a node of it. ' +
        'After that the attempt goes on; `tutti swarm leave` ends it.',
    )
    .requiredOption(
      '--token <token>',
      'what `docker swarm join-token worker` prints, or `… manager`',
    )
    .option('--advertise-addr <address>', 'of this machine, or the interface that has it')
    .addOption(
      new Option('--availability <availability>', 'whether it gets tasks')
        .choices(['active', 'pause', 'drain'])
        .default('active'),
    )
    .addHelpText('after', '\nExample:\n  tutti swarm join --token SWMTKN-1-… 192.0.2.1:2377')
    .action((addresses: readonly string[], flags: JoinFlags, command: Command) =>
      runCommand(host, {
        command,
        action: (context) => joinCluster(context, { addresses, flags }),
      }),
    );
  swarm
    .command('leave')
    .summary('leave the cluster')
    .description(
      'Removes everything that the cluster runs here, and leaves it. A manager leaves only with ' +
        '--force; with the last one goes the cluster.',
    )
    .option('-f, --force', 'also as a manager: with the last one the cluster is gone')
    .addHelpText('after', '\nExample:\n  tutti swarm leave')
    .action((flags: { readonly force?: boolean }, command: Command) =>
      runCommand(host, {
        command,
        action: (context) => leaveCluster(context, flags.force === true),
      }),
    );
}

async function joinCluster(
  context: CliContext,
  asked: { readonly addresses: readonly string[]; readonly flags: JoinFlags },
): Promise<number> {
  const { addresses, flags } = asked;
  const body = {
    ListenAddr: defaultListenAddress,
    AdvertiseAddr: flags.advertiseAddr ?? '',
    RemoteAddrs: addresses,
    JoinToken: flags.token,
    Availability: flags.availability,
  };
  await context.client.call({ method: 'POST', path: '/swarm/join', body });
  return tell(context, 'joined', 'this machine is a node of the cluster\n');
}

async function leaveCluster(context: CliContext, force: boolean): Promise<number> {
  await context.client.call({ method: 'POST', path: `/swarm/leave${force ? '?force=1' : ''}` });
  return tell(context, 'left', 'this machine is in no cluster any more\n');
}

function tell({ json, output }: CliContext, did: string, text: string): number {
  output.write(json ? `${JSON.stringify({ [did]: true })}\n` : text);
  return exitCodes.success;
}
