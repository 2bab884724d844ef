import type { HttpHandler, HttpReply, HttpRequest } from '../host/http.ts';
import { TuttiError } from '../lib/error.ts';
import type { BackupLock, SnapshotReport } from '../model/backup.ts';
import { type BackupContent, writeBackup } from './backup-write.ts';

const keyBytes = 32;

/** Where backups are asked for, below Tutti's own API. */
export const backupsPath = '/tutti/v1/backups';

/**
 * `POST` answers with a backup, encrypted under the key in its body: what is secret never leaves
 * the manager in the clear, and the passphrase never reaches it. `GET` lists the snapshots.
 */
export function backupRoutes(options: {
  /** @throws TuttiError `unavailable` where there is no cluster. */
  readonly content: () => Promise<BackupContent>;
  readonly snapshots: () => Promise<readonly SnapshotReport[]>;
  readonly now: () => number;
}): HttpHandler {
  return async (request) => {
    try {
      if (request.method === 'GET') return json(200, { snapshots: await options.snapshots() });
      if (request.method !== 'POST') throw new TuttiError('not-found', 'GET or POST are answered');
      const { lock, key } = parseRequest(await bodyOf(request));
      const how = { lock, key, why: 'asked', now: options.now() } as const;
      return {
        kind: 'stream',
        status: 200,
        headers: { 'Content-Type': 'application/octet-stream' },
        chunks: writeBackup(await options.content(), how),
      };
    } catch (reason) {
      const { code, message, field, hint } = TuttiError.from(reason);
      const status = { 'invalid-argument': 400, 'not-found': 404, unavailable: 503 } as const;
      return json((status as Readonly<Record<string, number>>)[code] ?? 500, {
        code,
        message,
        field,
        hint,
      });
    }
  };
}

async function bodyOf(request: HttpRequest): Promise<unknown> {
  try {
    return JSON.parse(Buffer.from(await request.body()).toString('utf8'));
  } catch (cause) {
    throw new TuttiError('invalid-argument', 'the body is no JSON', { field: 'body', cause });
  }
}

function parseRequest(body: unknown): { readonly lock: BackupLock; readonly key: Buffer } {
  if (typeof body === 'object' && body !== null && 'key' in body && 'lock' in body) {
    const { lock } = body;
    const key = Buffer.from(String(body.key), 'base64');
    const isLock = typeof lock === 'object' && lock !== null && 'kind' in lock && 'salt' in lock;
    if (isLock && key.length === keyBytes) return { lock: lock as BackupLock, key };
  }
  throw new TuttiError('invalid-argument', 'expected "lock", and "key" of 32 bytes in base64', {
    field: 'body',
  });
}

function json(status: number, value: unknown): HttpReply {
  return {
    kind: 'whole',
    status,
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(value),
  };
}
