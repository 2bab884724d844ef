import { type Command, Option } from 'commander';
import type { HostTarget } from '../playground/host-changes.ts';
import {
  hostTargets,
  parsePercent,
  parseTarget,
  splitMore,
  splitNames,
} from './playground-arguments.ts';
import { act, type NameFlag, nameOption } from './playground-context.ts';
import { changeHosts, healLinks, losePackets, partitionHosts } from './playground-faults.ts';
import type { ProgramHost } from './program-host.ts';

/** Breaking and repairing the links of a playground. */
export function addPlaygroundLinks(playground: Command, host: ProgramHost): void {
  addPartition(playground, host);
  addLoss(playground, host);
  addHeal(playground, host);
}

interface PartitionFlags extends NameFlag {
  readonly from?: readonly string[];
  readonly oneWay?: 'in' | 'out';
}

function oneWayOption(description: string): Option {
  return new Option('--one-way <direction>', description).choices(['in', 'out']);
}

function addPartition(playground: Command, host: ProgramHost): void {
  playground
    .command('partition')
    .summary('cut hosts off from others')
    .description(
      'Cuts the links between some hosts and all others, besides those that are cut already. ' +
        'The machine itself, called machine, stays connected unless it is named.',
    )
    .argument('<hosts>', 'such as worker-1, or worker-1,worker-2', splitNames)
    .option('--from <hosts>', 'from these alone', splitNames)
    .addOption(oneWayOption('in: they hear nothing; out: nobody hears them; default both'))
    .addOption(nameOption())
    .addHelpText(
      'after',
      '\nExamples:\n  tutti playground partition worker-1\n' +
        '  tutti playground partition worker-1 --from manager-1 --one-way in\n' +
        '  tutti playground partition manager-1,worker-1 --from worker-2,machine',
    )
    .action((hosts: readonly string[], flags: PartitionFlags, command: Command) =>
      act(host, { command, action: (context) => partitionHosts(context, { ...flags, hosts }) }),
    );
}

type LossParameters = [string, number, PartitionFlags, Command];

function addLoss(playground: Command, host: ProgramHost): void {
  playground
    .command('loss')
    .summary('let packets of a host get lost')
    .description('Drops a part of the packets into and out of a host; 0% ends that.')
    .argument('<host>', 'such as worker-1')
    .argument('<percent>', 'such as 10% or 0.5%', parsePercent)
    .addOption(oneWayOption('in: only what the host would get; out: what it sends; default both'))
    .addOption(nameOption())
    .addHelpText(
      'after',
      '\nExamples:\n  tutti playground loss worker-1 10%\n  tutti playground loss worker-1 0%',
    )
    .action((...[hostName, ofTenThousand, { oneWay }, command]: LossParameters) =>
      act(host, {
        command,
        action: (context) =>
          losePackets(context, {
            host: hostName,
            ofTenThousand,
            ...(oneWay !== undefined && { oneWay }),
          }),
      }),
    );
}

function addHeal(playground: Command, host: ProgramHost): void {
  playground
    .command('heal')
    .summary('take back cuts and losses')
    .description('Takes back all cuts and losses of some hosts, or of all.')
    .argument('[hosts...]', 'such as worker-1; default: all', splitMore)
    .addOption(nameOption())
    .addHelpText('after', '\nExamples:\n  tutti playground heal\n  tutti playground heal worker-1')
    .action((hosts: readonly string[] | undefined, _flags: NameFlag, command: Command) =>
      act(host, { command, action: (context) => healLinks(context, hosts ?? []) }),
    );
}

const hostCommands = [
  {
    verb: 'kill',
    summary: 'end a process of a host as a crash would, or take its power',
    description:
      'Ends a process of a host as a crash would (SIGKILL); the containers of an engine that ends ' +
      'go on. all, the default, is a loss of power: what is on disk stays.',
    examples: 'tutti playground kill worker-1\n  tutti playground kill worker-1 engine',
  },
  {
    verb: 'freeze',
    summary: 'stop a process of a host where it is, as one that hangs',
    description: 'Stops a process of a host, or all of them, where it is (SIGSTOP).',
    examples: 'tutti playground freeze manager-1 manager\n  tutti playground freeze worker-1',
  },
] as const;

/** Ending, stopping and bringing back hosts and what runs on them. */
export function addPlaygroundHosts(playground: Command, host: ProgramHost): void {
  for (const { verb, summary, description, examples } of hostCommands) {
    playground
      .command(verb)
      .summary(summary)
      .description(description)
      .argument('<hosts>', 'such as worker-1, or worker-1,worker-2', splitNames)
      .argument('[target]', hostTargets.join(', '), parseTarget, 'all')
      .addOption(nameOption())
      .addHelpText('after', `\nExamples:\n  ${examples}`)
      .action((...[hosts, target, , command]: HostsParameters) =>
        act(host, { command, action: (context) => changeHosts(context, { verb, hosts, target }) }),
      );
  }
  playground
    .command('start')
    .summary('bring back what was killed or frozen of a host')
    .description('Gives a host power, starts its engine and daemon, and lets go on what is frozen.')
    .argument('<hosts...>', 'such as worker-1', splitMore)
    .addOption(nameOption())
    .addHelpText('after', '\nExample:\n  tutti playground start worker-1')
    .action((hosts: readonly string[], _flags: NameFlag, command: Command) =>
      act(host, {
        command,
        action: (context) => changeHosts(context, { verb: 'start', hosts, target: 'all' }),
      }),
    );
}

type HostsParameters = [readonly string[], HostTarget, NameFlag, Command];
