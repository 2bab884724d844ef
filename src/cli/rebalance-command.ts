import type { Command } from 'commander';
import type { ProgramHost } from './program-host.ts';
import { rebalance } from './rebalance.ts';
import { durationOption, runCommand } from './run-command.ts';

interface RebalanceFlags {
  readonly plan?: boolean;
  readonly stop?: boolean;
  readonly detach?: boolean;
  readonly timeout: number;
}

/** `tutti rebalance`. */
export function addRebalance(program: Command, host: ProgramHost): void {
  program
    .command('rebalance')
    .argument('[service...]', 'their names or ids; default: all')
    .summary('spread tasks over nodes that came back or are new')
    .description(
      'Moves tasks to where new ones would go now: one at a time for each service, the next once ' +
        'the one before ran for the monitored time of its update settings. A moved task that ' +
        'fails stops its service. Tasks that keep data on their node stay. Nothing else ever ' +
        'moves a task that runs well.',
    )
    .option('--plan', 'show what would move and why; changes nothing')
    .option('--stop', 'end the rebalance under way')
    .option('-d, --detach', 'do not wait')
    .addOption(
      durationOption('--timeout <duration>', {
        description: 'how long to wait; it goes on after that',
        defaultMs: 3_600_000,
        shown: '1h',
      }),
    )
    .addHelpText(
      'after',
      '\nExamples:\n  tutti rebalance --plan\n  tutti rebalance\n  tutti rebalance shop_web',
    )
    .action((services: readonly string[], flags: RebalanceFlags, command: Command) =>
      runCommand(host, {
        command,
        action: (context) =>
          rebalance(context, {
            services,
            plan: flags.plan === true,
            stop: flags.stop === true,
            detach: flags.detach === true,
            timeoutMs: flags.timeout,
          }),
      }),
    );
}
