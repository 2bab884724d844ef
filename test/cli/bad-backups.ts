import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BadCase } from './bad-case.ts';
import type { CliNode } from './cli-node.ts';

const phrase = ['--passphrase-file', 'phrase'] as const;

/** What is wrong with the secret, for backup and restore; `given` is all else that is needed. */
function badSecrets(given: readonly string[]): readonly BadCase[] {
  return [
    {
      what: 'a passphrase on the command line',
      parameters: [...given, '--passphrase', 'secret'],
      says: /unknown option '--passphrase'/,
    },
    {
      what: 'no secret, and nobody to ask',
      parameters: given,
      says: /no passphrase: there is no terminal to ask on/,
    },
    {
      what: 'two secrets',
      parameters: [...given, ...phrase, '--key-file', 'big.bin'],
      says: /give --passphrase-file or --key-file, not both/,
    },
    {
      what: 'a passphrase file that is not there',
      parameters: [...given, '--passphrase-file', 'none'],
      says: /--passphrase-file: none cannot be read: .*no such file/,
    },
    {
      what: 'a short passphrase',
      parameters: [...given, '--passphrase-file', 'short-phrase'],
      says: /the passphrase in short-phrase has 5 characters; 8 are the least/,
    },
    {
      what: 'a passphrase of two lines',
      parameters: [...given, '--passphrase-file', 'two-lines'],
      says: /the passphrase in two-lines has more than one line/,
    },
  ];
}

export const badBackups: readonly BadCase[] = [
  ...badSecrets(['x.backup']),
  { what: 'no file', parameters: [...phrase], says: /missing required argument 'file'/ },
  {
    what: 'two files',
    parameters: [...phrase, 'x.backup', 'y.backup'],
    says: /too many arguments for 'backup'/,
  },
  {
    what: 'a file that is there',
    parameters: [...phrase, 'whole.backup'],
    says: /<file>: whole\.backup is there already/,
  },
  {
    what: 'a directory that is not there',
    parameters: [...phrase, 'none/x.backup'],
    says: /<file>: none\/x\.backup cannot be made: .* is no directory/,
  },
  {
    what: 'standard output',
    parameters: [...phrase, '-'],
    says: /<file>: expected a path, found "-"/,
  },
  {
    what: 'an empty name',
    parameters: [...phrase, ''],
    says: /<file>: expected a path, found ""/,
  },
  {
    what: 'a key file that is not there',
    parameters: ['x.backup', '--key-file', 'none'],
    says: /--key-file: none cannot be read/,
  },
  {
    what: 'a short key file',
    parameters: ['x.backup', '--key-file', 'short.key'],
    says: /--key-file: short\.key has 5 bytes; a key file has 32 to/,
  },
  {
    what: 'a large key file',
    parameters: ['x.backup', '--key-file', 'big.bin'],
    says: /--key-file: big\.bin has 1200000 bytes/,
  },
  {
    what: 'a socket that is not there',
    parameters: ['x.backup', ...phrase, '--socket', '/nowhere.sock'],
    code: 3,
    says: /no daemon answers on \/nowhere\.sock: it is not there/,
  },
];

/** Of `backup ls`. */
export const badListings: readonly BadCase[] = [
  { what: 'a file to list', parameters: ['x.backup'], says: /too many arguments for 'ls'/ },
];

const target = ['--data-dir', 'restored'] as const;

export const badRestores: readonly BadCase[] = [
  ...badSecrets(['whole.backup', ...target]),
  { what: 'no file', parameters: [...phrase], says: /missing required argument 'file'/ },
  {
    what: 'a file that is not there',
    parameters: ['none.backup', ...phrase, ...target],
    says: /the backup .*none\.backup is not there/,
  },
  {
    what: 'a directory',
    parameters: ['.', ...phrase, ...target],
    says: /is no file/,
  },
  {
    what: 'a file of something else',
    parameters: ['good.yml', ...phrase, ...target],
    says: /good\.yml is no backup of Tutti/,
  },
  {
    what: 'a large file of something else',
    parameters: ['big.bin', ...phrase, ...target],
    says: /big\.bin is no backup of Tutti/,
  },
  {
    what: 'a backup that was cut off',
    parameters: ['cut.backup', ...phrase, ...target],
    says: /the backup .*cut\.backup is damaged: it was changed or cut off/,
  },
  {
    what: 'nothing but the header',
    parameters: ['head.backup', ...phrase, ...target],
    says: /head\.backup is damaged: it was c/,
  },
  {
    what: 'a bit that was changed',
    parameters: ['changed.backup', ...phrase, ...target],
    says: /changed\.backup is damaged: it was changed or cut off/,
  },
  {
    what: 'a header that was changed',
    parameters: ['renamed.backup', ...phrase, ...target],
    says: /renamed\.backup is damaged: it was changed or cut off/,
  },
  {
    what: 'a newer format',
    parameters: ['newer.backup', ...phrase, ...target],
    says: /newer\.backup has backup format 9, this program knows up to 1/,
  },
  {
    what: 'a newer schema',
    parameters: ['newer-schema.backup', ...phrase, ...target],
    says: /newer-schema\.backup has schema version 99, this program knows up to \d+/,
  },
  {
    what: 'another passphrase',
    parameters: ['whole.backup', '--passphrase-file', 'other-phrase', ...target],
    says: /the passphrase does not open .*whole\.backup/,
  },
  {
    what: 'a key file for a passphrase',
    parameters: ['whole.backup', '--key-file', 'phrase', ...target],
    says: /this backup is opened with a passphrase/,
  },
  {
    what: 'no address',
    parameters: ['whole.backup', ...phrase, ...target, '--advertise-addr', 'eth0'],
    says: /--advertise-addr: expected an IP address, found "eth0"/,
  },
  {
    what: 'an empty data directory',
    parameters: ['whole.backup', ...phrase, '--data-dir', ''],
    says: /--data-dir: expected a directory, found ""/,
  },
  {
    what: 'a data directory that cannot be made',
    parameters: ['whole.backup', ...phrase, '--data-dir', '/proc/x'],
    says: /--data-dir: cannot use "\/proc\/x"/,
  },
];

/** Files that the cases name; there has to be a cluster. */
export async function writeBadBackups(cli: CliNode): Promise<void> {
  await cli.write('phrase', 'a long enough phrase\n');
  await cli.write('other-phrase', 'another phrase\n');
  await cli.write('short-phrase', 'short\n');
  await cli.write('two-lines', 'one line\nand another\n');
  await cli.write('short.key', 'short');
  await cli.good('backup', '--passphrase-file', 'phrase', 'whole.backup');
  const whole = await readFile(join(cli.folder, 'whole.backup'));
  const end = whole.indexOf('\n');
  const header = whole.subarray(0, end).toString();
  const write = (name: string, ...parts: readonly (string | Uint8Array)[]): Promise<void> =>
    writeFile(join(cli.folder, name), Buffer.concat(parts.map((part) => Buffer.from(part))));
  await write('cut.backup', whole.subarray(0, -20));
  await write('head.backup', whole.subarray(0, end + 1));
  const changed = Buffer.from(whole);
  changed[whole.length - 40] = (changed[whole.length - 40] ?? 0) ^ 1;
  await write('changed.backup', changed);
  await write(
    'renamed.backup',
    header.replace('"why":"asked"', '"why":"daily"'),
    whole.subarray(end),
  );
  await write('newer.backup', header.replace('"format":1', '"format":9'), whole.subarray(end));
  await write(
    'newer-schema.backup',
    header.replace(/"schemaVersion":\d+/, '"schemaVersion":99'),
    whole.subarray(end),
  );
}
