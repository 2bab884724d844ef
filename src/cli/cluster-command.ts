import type { Command } from 'commander';
import { clusterRecover } from './cluster-recover.ts';
import type { ProgramHost } from './program-host.ts';
import { durationOption, runCommand } from './run-command.ts';

const recoverLimitMs = 120_000;

interface RecoverFlags {
  readonly plan?: boolean;
  readonly yes?: boolean;
  readonly timeout: number;
}

/** `tutti cluster …`. */
export function addCluster(program: Command, host: ProgramHost): void {
  const cluster = program
    .command('cluster')
    .summary('bring a cluster back that lost most of its managers')
    .description('What is done for the cluster as a whole when it cannot help itself.')
    .addHelpText('after', '\nExample:\n  tutti cluster recover --plan');
  cluster
    .command('recover')
    .summary('go on with this manager alone, because the others are lost for good')
    .description(
      'Makes a cluster of one manager out of one that lost so many that no majority is left. To ' +
        'be run on a manager that is left. Cluster, certificate authority, services, networks, ' +
        'secrets, configs and nodes stay as this manager knows them; what only lost managers knew ' +
        'is lost, which is the writes of the last moment at most. Lost managers become workers ' +
        'that are down, and their tasks run elsewhere. Refused where a majority answers.',
    )
    .option('--plan', 'show what would be done; changes nothing')
    .option('-y, --yes', 'do not ask: for scripts')
    .addOption(
      durationOption('--timeout <duration>', {
        description: 'how long to wait until the cluster takes writes again',
        defaultMs: recoverLimitMs,
        shown: '2m',
      }),
    )
    .addHelpText('after', recoverHelp)
    .action((flags: RecoverFlags, command: Command) =>
      runCommand(host, {
        command,
        action: (context) =>
          clusterRecover(context, {
            plan: flags.plan === true,
            yes: flags.yes === true,
            timeoutMs: flags.timeout,
          }),
      }),
    );
}

const recoverHelp = `
Examples:
  tutti cluster recover --plan
  tutti cluster recover
  tutti cluster recover --yes --json | jq .managers

Before: switch the lost managers off, and see with --plan on each manager that is left which one
knows the most (its revision). After: docker swarm join-token manager, for new managers. A lost
manager whose machine comes back is a worker then; promote it again with docker node promote.
No manager is left, or a backup is newer: tutti restore. docker swarm init --force-new-cluster does
the same as this command, and does not ask.`;
