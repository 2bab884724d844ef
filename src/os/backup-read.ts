import { createDecipheriv, type DecipherGCM } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import type { StoredRow } from '../host/store-engine.ts';
import { TuttiError } from '../lib/error.ts';
import { type BackupHeader, backupFormat } from '../model/backup.ts';
import { keyCheckOf } from './backup-key.ts';
import type { BackupState } from './backup-write.ts';

const longestHeaderBytes = 8_192;
const tagBytes = 16;
const lockKinds: readonly unknown[] = ['passphrase', 'key-file', 'sealing-key'];

/** A backup whose header was read; nothing of it is believed yet. */
export interface BackupFile {
  readonly path: string;
  readonly header: BackupHeader;
  /** The header with its end of line, as it stands in the file. */
  readonly first: Buffer;
  readonly sizeBytes: number;
}

/**
 * Reads the header.
 *
 * @throws TuttiError `not-found`, or `failed-precondition` where the file is no backup, or one of a
 *   newer program.
 */
export async function openBackup(path: string): Promise<BackupFile> {
  const { start, sizeBytes } = await readStart(path);
  const end = start.indexOf('\n');
  const first = start.subarray(0, end + 1);
  const header = end < 0 ? undefined : parseHeader(first.toString('utf8'));
  if (header === undefined) {
    throw new TuttiError('failed-precondition', `${path} is no backup of Tutti`, {
      hint: 'Give a file that `tutti backup` made.',
    });
  }
  if (header.format > backupFormat) {
    throw new TuttiError(
      'failed-precondition',
      `${path} has backup format ${header.format}, this program knows up to ${backupFormat}`,
      { hint: 'Restore it with the newer program that made it.' },
    );
  }
  return { path, header, first, sizeBytes };
}

/**
 * Reads all of it once, and believes it only if nothing was changed, cut off or added.
 *
 * @throws TuttiError `invalid-argument` for another key, `failed-precondition` for a damaged file.
 */
export async function checkBackup(file: BackupFile, key: Buffer): Promise<void> {
  if (keyCheckOf(key) !== file.header.keyCheck) throw wrongKey(file);
  try {
    for await (const _chunk of await decrypted(file, key));
  } catch (cause) {
    throw damaged(file, 'it was changed or cut off', cause);
  }
}

/** State and rows of a backup that was checked. */
export async function readBackup(
  file: BackupFile,
  key: Buffer,
): Promise<{ readonly state: BackupState; readonly rows: AsyncGenerator<StoredRow> }> {
  const decipher = await decrypted(file, key);
  const plain = pipeline(decipher, createGunzip(), () => undefined);
  const lines = createInterface({ input: plain, crlfDelay: Infinity })[Symbol.asyncIterator]();
  const state = await lines.next();
  if (state.done === true) throw damaged(file, 'it is empty');
  return { state: JSON.parse(state.value) as BackupState, rows: rowsOf(file, lines) };
}

async function* rowsOf(file: BackupFile, lines: AsyncIterator<string>): AsyncGenerator<StoredRow> {
  let count = 0;
  for (;;) {
    const next = await lines.next();
    if (next.done === true) throw damaged(file, 'its end is missing');
    const row = JSON.parse(next.value) as StoredRow | { readonly rows: number };
    if ('rows' in row) {
      if (row.rows !== count) throw damaged(file, `it has ${count} rows, not ${row.rows}`);
      return;
    }
    count += 1;
    yield row;
  }
}

async function decrypted(file: BackupFile, key: Buffer): Promise<DecipherGCM> {
  const end = file.sizeBytes - tagBytes;
  if (end <= file.first.length) throw damaged(file, 'it was cut off');
  const handle = await open(file.path);
  const tag = Buffer.alloc(tagBytes);
  try {
    await handle.read(tag, 0, tagBytes, end);
  } finally {
    await handle.close();
  }
  const nonce = Buffer.from(file.header.nonce, 'base64url');
  const decipher = createDecipheriv('aes-256-gcm', key, nonce).setAAD(file.first).setAuthTag(tag);
  const encrypted = createReadStream(file.path, { start: file.first.length, end: end - 1 });
  return pipeline(encrypted, decipher, () => undefined);
}

async function readStart(
  path: string,
): Promise<{ readonly start: Buffer; readonly sizeBytes: number }> {
  let handle;
  try {
    handle = await open(path);
    const stat = await handle.stat();
    if (!stat.isFile()) {
      throw new TuttiError('failed-precondition', `${path} is no file`, {
        hint: 'Give a file that `tutti backup` made.',
      });
    }
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(longestHeaderBytes), {
      position: 0,
    });
    return { start: buffer.subarray(0, bytesRead), sizeBytes: stat.size };
  } catch (cause) {
    if (cause instanceof TuttiError) throw cause;
    const isMissing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
    const why = isMissing ? 'is not there' : `cannot be read: ${TuttiError.from(cause).message}`;
    throw new TuttiError('not-found', `the backup ${path} ${why}`, { cause });
  } finally {
    await handle?.close();
  }
}

function parseHeader(line: string): BackupHeader | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const header = value as Partial<Record<keyof BackupHeader, unknown>>;
  if (header.tutti !== 'backup' || typeof header.format !== 'number') return undefined;
  // A newer one may look otherwise; that it is newer is all that has to be said.
  if (header.format > backupFormat) return value as BackupHeader;
  const numbers = [header.createdAt, header.schemaVersion, header.epoch, header.revision];
  const texts = [header.clusterId, header.keyCheck, header.nonce, header.why];
  const { lock } = header;
  const isWhole =
    numbers.every((one) => Number.isSafeInteger(one)) &&
    texts.every((one) => typeof one === 'string') &&
    typeof lock === 'object' &&
    lock !== null &&
    'kind' in lock &&
    'salt' in lock &&
    typeof lock.salt === 'string' &&
    lockKinds.includes(lock.kind);
  return isWhole ? (value as BackupHeader) : undefined;
}

function wrongKey({ path, header }: BackupFile): TuttiError {
  const { what, field } = {
    passphrase: { what: 'the passphrase', field: '--passphrase-file' },
    'key-file': { what: 'the key file', field: '--key-file' },
    'sealing-key': { what: 'the sealing key in the data directory', field: '--data-dir' },
  }[header.lock.kind];
  return new TuttiError('invalid-argument', `${what} does not open ${path}`, {
    field,
    hint: 'Give the one that the backup was made with.',
  });
}

function damaged({ path }: BackupFile, why: string, cause?: unknown): TuttiError {
  return new TuttiError('failed-precondition', `the backup ${path} is damaged: ${why}`, {
    hint: 'Take another copy of it, or another backup.',
    cause,
  });
}
