import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { TuttiError } from '../lib/error.ts';
import type { BackupSecret } from '../model/backup.ts';

export interface SecretFlags {
  readonly passphraseFile?: string;
  readonly keyFile?: string;
}

const leastCharacters = 8;

/**
 * What opens a backup: a key file, a passphrase in a file, or one that is typed. Never on the
 * command line, where every process of the machine could read it.
 *
 * @throws TuttiError `invalid-argument`, naming the option.
 */
export async function readSecret(
  flags: SecretFlags,
  how: { readonly twice: boolean; readonly signal: AbortSignal },
): Promise<BackupSecret> {
  const { passphraseFile, keyFile } = flags;
  if (passphraseFile !== undefined && keyFile !== undefined) {
    throw new TuttiError('invalid-argument', 'give --passphrase-file or --key-file, not both', {
      field: '--key-file',
    });
  }
  if (keyFile !== undefined) return { kind: 'key-file', path: keyFile };
  if (passphraseFile !== undefined) return fromFile(passphraseFile);
  if (!process.stdin.isTTY) {
    throw new TuttiError('invalid-argument', 'no passphrase: there is no terminal to ask on', {
      field: '--passphrase-file',
      hint: 'Give --passphrase-file (- is standard input) or --key-file.',
    });
  }
  const text = await ask('Passphrase: ', how.signal);
  if (how.twice && (await ask('Once more: ', how.signal)) !== text) {
    throw new TuttiError('invalid-argument', 'the two passphrases are not the same');
  }
  return checked(text, 'the passphrase');
}

function fromFile(path: string): BackupSecret {
  const field = '--passphrase-file';
  let text: string;
  try {
    text = readFileSync(path === '-' ? 0 : path, 'utf8');
  } catch (cause) {
    const { message } = TuttiError.from(cause);
    throw new TuttiError('not-found', `${field}: ${path} cannot be read: ${message}`, {
      field,
      cause,
    });
  }
  return checked(text.replace(/\r?\n$/, ''), `${field}: the passphrase in ${path}`);
}

function checked(text: string, what: string): BackupSecret {
  if (text.includes('\n')) {
    throw new TuttiError('invalid-argument', `${what} has more than one line`, {
      field: '--passphrase-file',
      hint: 'For a file of any content use --key-file.',
    });
  }
  if (text.length >= leastCharacters) return { kind: 'passphrase', text };
  throw new TuttiError(
    'invalid-argument',
    `${what} has ${text.length} characters; ${leastCharacters} are the least`,
    { field: '--passphrase-file' },
  );
}

/** What is typed is not shown. */
async function ask(question: string, signal: AbortSignal): Promise<string> {
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: process.stdin, output: silent, terminal: true });
  process.stderr.write(question);
  const interrupted = new AbortController();
  lines.once('SIGINT', () => interrupted.abort());
  try {
    return await lines.question('', { signal: AbortSignal.any([signal, interrupted.signal]) });
  } finally {
    lines.close();
    process.stderr.write('\n');
  }
}
