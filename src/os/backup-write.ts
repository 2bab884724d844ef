import { createCipheriv, randomBytes } from 'node:crypto';
import { Readable, pipeline } from 'node:stream';
import { createGzip } from 'node:zlib';
import type { StoreSnapshot } from '../host/store-engine.ts';
import {
  type BackupHeader,
  backupFormat,
  type BackupLock,
  type BackupReason,
} from '../model/backup.ts';
import { keyCheckOf } from './backup-key.ts';

/** What a backup holds besides rows, encrypted as they are. */
export interface BackupState {
  /** The manager's own node: restored on one machine, it is that node again. */
  readonly nodeId?: string;
  /** Base64. Opens the roots' keys among the rows. */
  readonly sealingKey: string;
}

export interface BackupContent {
  /** Rows in the clear. */
  readonly snapshot: StoreSnapshot;
  readonly clusterId: string;
  readonly state: BackupState;
}

const nonceBytes = 12;
const chunkCharacters = 65_536;

/**
 * The bytes of a backup: its header as a line of JSON, then AES-256-GCM over gzip over lines of
 * JSON (the state, the rows, how many there were), then the tag. The header is associated data.
 */
export async function* writeBackup(
  content: BackupContent,
  how: {
    readonly lock: BackupLock;
    readonly key: Buffer;
    readonly why: BackupReason;
    readonly now: number;
  },
): AsyncGenerator<Uint8Array> {
  const { schemaVersion, epoch, revision } = content.snapshot;
  const nonce = randomBytes(nonceBytes);
  const header: BackupHeader = {
    tutti: 'backup',
    format: backupFormat,
    createdAt: how.now,
    why: how.why,
    clusterId: content.clusterId,
    schemaVersion,
    epoch,
    revision,
    lock: how.lock,
    keyCheck: keyCheckOf(how.key),
    nonce: nonce.toString('base64url'),
  };
  const first = Buffer.from(`${JSON.stringify(header)}\n`);
  yield first;
  const cipher = createCipheriv('aes-256-gcm', how.key, nonce).setAAD(first);
  let failure: Error | undefined;
  pipeline(Readable.from(chunksOf(content)), createGzip(), cipher, (error) => {
    failure = error ?? undefined;
  });
  for await (const chunk of cipher) yield chunk as Uint8Array;
  if (failure !== undefined) throw failure;
  yield cipher.getAuthTag();
}

function* chunksOf(content: BackupContent): Generator<Buffer> {
  let chunk = '';
  for (const line of linesOf(content)) {
    chunk += `${line}\n`;
    if (chunk.length < chunkCharacters) continue;
    yield Buffer.from(chunk);
    chunk = '';
  }
  yield Buffer.from(chunk);
}

function* linesOf({ snapshot, state }: BackupContent): Generator<string> {
  yield JSON.stringify(state);
  let rows = 0;
  for (const { table, id, value } of snapshot.rows) {
    rows += 1;
    yield JSON.stringify({ table, id, value });
  }
  yield JSON.stringify({ rows });
}
