import type { Command } from 'commander';
import { addPlaygroundHosts, addPlaygroundLinks } from './playground-fault-commands.ts';
import { addPlaygroundLife } from './playground-life-commands.ts';
import type { ProgramHost } from './program-host.ts';

/** `tutti playground …`. */
export function addPlayground(program: Command, host: ProgramHost): void {
  const playground = program
    .command('playground')
    .summary('try a cluster on this machine')
    .description(
      'Makes hosts on this machine, each with a network, a container engine and a daemon of its ' +
        'own, breaks their links and ends their processes, and removes it all. Takes root.',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  tutti playground up --workers 2\n' +
        '  tutti playground exec manager-1 -- docker node ls\n' +
        '  tutti playground partition worker-1\n  tutti playground heal\n' +
        '  tutti playground down',
    );
  addPlaygroundLife(playground, host);
  addPlaygroundLinks(playground, host);
  addPlaygroundHosts(playground, host);
}
