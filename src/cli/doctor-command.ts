import type { Command } from 'commander';
import { doctorNet } from './doctor.ts';
import type { ProgramHost } from './program-host.ts';
import { runCommand } from './run-command.ts';

/** `tutti doctor …`. */
export function addDoctor(program: Command, host: ProgramHost): void {
  const doctor = program
    .command('doctor')
    .summary('look for what is broken, and say what to do')
    .description('Looks for what is broken, and says what to do.')
    .addHelpText('after', '\nExample:\n  tutti doctor net');
  doctor
    .command('net')
    .summary('look at the network of every node, and between every two of them')
    .description(
      'Has every node look at its network, all at the same time, for some seconds: packets of all ' +
        'sizes to every other node by the port of the networks, published ports, names, firewalls, ' +
        'clocks, and whether the kernel has what it should have. Nothing stays behind, and nothing ' +
        'is changed but what is repaired every 30 seconds anyway. Ends with 1 when something is ' +
        'broken; what was repaired and warnings are told, and are no failure.',
    )
    .option('--local', 'only what this machine sees by itself; needs no manager')
    .addHelpText(
      'after',
      '\nExamples:\n  tutti doctor net\n  tutti doctor net --local\n' +
        '  tutti doctor net --json | jq .findings\n\n' +
        'On a worker it is --local: only managers may have other nodes look.',
    )
    .action((flags: { readonly local?: boolean }, command: Command) =>
      runCommand(host, {
        command,
        action: (context) => doctorNet(context, { local: flags.local === true }),
      }),
    );
}
