import { createHmac, hkdfSync, randomBytes, scrypt } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { TuttiError } from '../lib/error.ts';
import type { BackupLock, BackupSecret } from '../model/backup.ts';

const keyBytes = 32;
const saltBytes = 16;
/** Some 128 MB and half a second for each guess. */
const scryptCost = 2 ** 17;
const scryptBlockSize = 8;
const scryptParallelization = 1;
/** A header is not yet believed when it is read: it may not ask for more than this. */
const mostScryptBytes = 2 ** 30;
const leastKeyFileBytes = 32;
const mostKeyFileBytes = 1024 * 1024;

/** A new lock, with a salt of its own, and its key. */
export async function newLock(
  secret: BackupSecret,
): Promise<{ readonly lock: BackupLock; readonly key: Buffer }> {
  const salt = randomBytes(saltBytes).toString('base64url');
  const lock: BackupLock =
    secret.kind === 'key-file'
      ? { kind: 'key-file', salt }
      : {
          kind: 'passphrase',
          salt,
          cost: scryptCost,
          blockSize: scryptBlockSize,
          parallelization: scryptParallelization,
        };
  return { lock, key: await keyOf(lock, secret) };
}

/** The same under the cluster's sealing key. */
export function newSnapshotLock(sealingKey: Buffer): {
  readonly lock: BackupLock;
  readonly key: Buffer;
} {
  const lock = {
    kind: 'sealing-key',
    salt: randomBytes(saltBytes).toString('base64url'),
  } as const;
  return { lock, key: snapshotKeyOf(lock, sealingKey) };
}

/** @throws TuttiError `invalid-argument` where the secret is of another kind, or no secret. */
export async function keyOf(lock: BackupLock, secret: BackupSecret): Promise<Buffer> {
  switch (lock.kind) {
    case 'passphrase':
      if (secret.kind !== 'passphrase') throw otherKind('a passphrase', '--passphrase-file');
      return await stretched(lock, secret.text);
    case 'key-file':
      if (secret.kind !== 'key-file') throw otherKind('a key file', '--key-file');
      return derived(await readKeyFile(secret.path), lock.salt);
    case 'sealing-key':
      throw new TuttiError(
        'invalid-argument',
        'this is a snapshot: the sealing key of its cluster opens it',
        {
          field: '--data-dir',
          hint: 'Put sealing.key into the manager directory of --data-dir, and give no passphrase.',
        },
      );
  }
}

export function snapshotKeyOf(lock: BackupLock, sealingKey: Buffer): Buffer {
  return derived(sealingKey, lock.salt);
}

/** Says nothing of the key. */
export function keyCheckOf(key: Buffer): string {
  return createHmac('sha256', key).update('tutti backup').digest('base64url').slice(0, 16);
}

function derived(material: Buffer, salt: string): Buffer {
  return Buffer.from(
    hkdfSync('sha256', material, Buffer.from(salt, 'base64url'), 'tutti backup', keyBytes),
  );
}

async function stretched(
  lock: Extract<BackupLock, { readonly kind: 'passphrase' }>,
  text: string,
): Promise<Buffer> {
  const { salt, cost, blockSize, parallelization } = lock;
  const neededBytes = 128 * cost * blockSize * parallelization;
  const isWhole = [cost, blockSize, parallelization].every((one) => Number.isInteger(one));
  if (!isWhole || cost < 2 || neededBytes <= 0 || neededBytes > mostScryptBytes) {
    throw new TuttiError('failed-precondition', 'the backup is damaged: its cost is out of range');
  }
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  scrypt(
    text.normalize('NFC'),
    Buffer.from(salt, 'base64url'),
    keyBytes,
    { cost, blockSize, parallelization, maxmem: 2 * neededBytes },
    (error, key) => (error === null ? resolve(key) : reject(error)),
  );
  return await promise;
}

async function readKeyFile(path: string): Promise<Buffer> {
  const field = '--key-file';
  let bytes: Buffer;
  try {
    bytes = await readFile(path);
  } catch (cause) {
    const { message } = TuttiError.from(cause);
    throw new TuttiError('not-found', `${field}: ${path} cannot be read: ${message}`, {
      field,
      cause,
    });
  }
  if (bytes.length >= leastKeyFileBytes && bytes.length <= mostKeyFileBytes) return bytes;
  throw new TuttiError(
    'invalid-argument',
    `${field}: ${path} has ${bytes.length} bytes; a key file has ${leastKeyFileBytes} to ` +
      `${mostKeyFileBytes}`,
    { field, hint: `Make one: head -c 32 /dev/urandom > ${path}` },
  );
}

function otherKind(what: string, field: string): TuttiError {
  return new TuttiError('invalid-argument', `this backup is opened with ${what}`, {
    field,
    hint: `Give it with ${field}.`,
  });
}
