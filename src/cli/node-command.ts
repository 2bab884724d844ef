import type { Command } from 'commander';
import { nodeDrain } from './node-drain.ts';
import { nodeAccept, nodeAvailability, nodeInspect, nodeList } from './node-list.ts';
import type { ProgramHost } from './program-host.ts';
import { durationOption, runCommand } from './run-command.ts';

const longestDrainMs = 30 * 60_000;

/** `tutti node …`. */
export function addNode(program: Command, host: ProgramHost): void {
  const node = program
    .command('node')
    .summary('look at nodes, and take their tasks away')
    .description('Shows nodes, and says what they are to do with tasks.')
    .addHelpText(
      'after',
      '\nExamples:\n  tutti node ls\n' +
        '  tutti node drain node-2 && ssh node-2 poweroff\n  tutti node activate node-2',
    );
  node
    .command('ls')
    .summary('list the nodes')
    .description('Lists the nodes, with how many tasks run on each.')
    .addHelpText('after', '\nExample:\n  tutti node ls --json | jq -r .[].hostname')
    .action((_flags, command: Command) => runCommand(host, { command, action: nodeList }));
  named(node, 'inspect')
    .summary('show a node and its tasks')
    .description('Shows a node: its machine, its labels, and the tasks on it.')
    .addHelpText('after', '\nExample:\n  tutti node inspect node-2')
    .action((name: string, _flags, command: Command) =>
      runCommand(host, { command, action: (context) => nodeInspect(context, name) }),
    );
  node
    .command('accept')
    .summary('let go of tasks that no manager knows')
    .description(
      'Removes tasks of this machine that no manager knows. After a restore from an older backup ' +
        'a node keeps them until a person has looked: run this on the machine itself.',
    )
    .addHelpText('after', '\nExample:\n  tutti node accept')
    .action((_flags, command: Command) => runCommand(host, { command, action: nodeAccept }));
  addDrain(node, host);
  addAvailability(node, host);
}

function named(node: Command, name: string): Command {
  return node.command(name).argument('<node>', 'its name, (the beginning of) its id, or self');
}

interface DrainFlags {
  readonly detach?: boolean;
  readonly timeout: number;
}

function addDrain(node: Command, host: ProgramHost): void {
  named(node, 'drain')
    .summary('move all tasks to other nodes, wait until it is empty')
    .description(
      'Has all tasks of a node moved to others, one by one as the update settings of their ' +
        'services say, and waits until the node is empty. Tasks that have no other place stop, ' +
        'and are named. The node gets no tasks until it is activated.',
    )
    .option('-d, --detach', 'do not wait')
    .addOption(
      durationOption('--timeout <duration>', {
        description: 'how long to wait; the drain goes on after it',
        defaultMs: longestDrainMs,
        shown: '30m',
      }),
    )
    .addHelpText('after', '\nExample:\n  tutti node drain node-2 --timeout 10m')
    .action((name: string, flags: DrainFlags, command: Command) =>
      runCommand(host, {
        command,
        action: (context) =>
          nodeDrain(context, {
            node: name,
            detach: flags.detach === true,
            timeoutMs: flags.timeout,
          }),
      }),
    );
}

const availabilities = [
  {
    name: 'pause',
    availability: 'pause',
    summary: 'give a node no new tasks',
    description: 'Gives a node no new tasks. Those that it has stay.',
  },
  {
    name: 'activate',
    availability: 'active',
    summary: 'give a node tasks again',
    description:
      'Gives a node tasks again, after a drain or a pause. A drain that is under way is called ' +
      'off: what did not move yet stays.',
  },
] as const;

function addAvailability(node: Command, host: ProgramHost): void {
  for (const { name, availability, summary, description } of availabilities) {
    named(node, name)
      .summary(summary)
      .description(description)
      .addHelpText('after', `\nExample:\n  tutti node ${name} node-2`)
      .action((reference: string, _flags, command: Command) =>
        runCommand(host, {
          command,
          action: (context) => nodeAvailability(context, { node: reference, availability }),
        }),
      );
  }
}
