import { isIP } from 'node:net';
import type { Command } from 'commander';
import { TuttiError } from '../lib/error.ts';
import { backup, backupList, restore } from './backup.ts';
import type { SecretFlags } from './backup-secret.ts';
import type { ProgramHost } from './program-host.ts';
import { runCommand } from './run-command.ts';

/** `tutti backup FILE` and `tutti backup ls`. */
export function addBackup(program: Command, host: ProgramHost): void {
  const command = withSecret(
    program
      .command('backup')
      .summary('write the whole state of the cluster into one encrypted file')
      .description(
        'Writes the whole state of the cluster, its keys and secrets among it, into one encrypted ' +
          'file, and reads it once more before it says that it is done. The content of volumes is ' +
          'not in it. Managers also make snapshots by themselves: see backup ls.',
      )
      .argument('<file>', 'where to; it must not be there yet'),
  );
  command
    .addHelpText(
      'after',
      '\nExamples:\n  tutti backup cluster.backup\n' +
        '  tutti backup --key-file backup.key /mnt/nas/cluster.backup\n' +
        '  tutti restore --data-dir /var/lib/tutti cluster.backup',
    )
    .action((path: string, flags: SecretFlags, self: Command) =>
      runCommand(host, {
        command: self,
        action: async (context) =>
          await backup(context, { ...flags, path, files: await host.openBackups() }),
      }),
    );
  command
    .command('ls')
    .summary('list the snapshots that this manager made by itself')
    .description(
      'Lists the snapshots of this manager, the newest first: one a day and one before each ' +
        'migration of its store, the last 7. They are opened with the sealing key beside them.',
    )
    .addHelpText('after', '\nExample:\n  tutti backup ls --json | jq -r .[0].path')
    .action((_flags, self: Command) => runCommand(host, { command: self, action: backupList }));
}

interface RestoreFlags extends SecretFlags {
  readonly dataDir: string;
  readonly newCluster?: boolean;
  readonly advertiseAddr?: string;
}

/** `tutti restore FILE`. */
export function addRestore(program: Command, host: ProgramHost): void {
  withSecret(
    program
      .command('restore')
      .summary('bring a backup into an empty data directory')
      .description(
        'Brings a backup into a data directory without a cluster, while no daemon uses it. The ' +
          'next daemon there is the manager that the backup was made on. Nothing changes where the ' +
          'file is damaged, or of another key.',
      )
      .argument('<file>', 'of `tutti backup`, or a snapshot')
      .option('--data-dir <dir>', 'where the daemon keeps its state', '/var/lib/tutti'),
  )
    .option('--new-cluster', 'as another cluster: no node of the old one obeys it or is in it')
    .option('--advertise-addr <ip>', 'where others reach this machine, if that has changed')
    .addHelpText(
      'after',
      '\nExamples:\n  tutti restore cluster.backup && systemctl start tutti\n' +
        '  tutti restore --new-cluster --data-dir /var/lib/tutti-2 cluster.backup',
    )
    .action((path: string, flags: RestoreFlags, self: Command) =>
      runCommand(host, {
        command: self,
        action: async (context) => {
          const { advertiseAddr: address } = flags;
          if (address !== undefined && isIP(address) === 0) {
            throw new TuttiError(
              'invalid-argument',
              `--advertise-addr: expected an IP address, found "${address}"`,
              { field: '--advertise-addr' },
            );
          }
          return await restore(context, { ...flags, path, files: await host.openBackups() });
        },
      }),
    );
}

function withSecret(command: Command): Command {
  return command
    .option('--passphrase-file <file>', 'the passphrase is its only line; - is standard input')
    .option('--key-file <file>', 'any file of 32 bytes or more, instead of a passphrase');
}
