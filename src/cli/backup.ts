import { existsSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { TuttiError } from '../lib/error.ts';
import type { SnapshotReport } from '../model/backup.ts';
import { formatAge } from './age.ts';
import { readSecret, type SecretFlags } from './backup-secret.ts';
import { dataDirectory } from './daemon-options.ts';
import { type CliContext, exitCodes } from './context.ts';
import type { BackupFiles } from './program-host.ts';
import { renderTable } from './table.ts';

const backupsPath = '/tutti/v1/backups';

/** `tutti backup FILE`. */
export async function backup(
  context: CliContext,
  call: SecretFlags & {
    readonly path: string;
    readonly files: BackupFiles;
  },
): Promise<number> {
  const { client, output, signal } = context;
  const path = resolve(call.path);
  checkPlace(path, call.path);
  const secret = await readSecret(call, { twice: true, signal });
  const { lock, key } = await call.files.lock(secret);
  const bytes = client.bytes({ method: 'POST', path: backupsPath, body: { lock, key }, signal });
  const header = await call.files.save(path, { bytes, key });
  const sizeBytes = statSync(path).size;
  const { clusterId, revision, epoch, createdAt } = header;
  output.write(
    context.json
      ? `${JSON.stringify({ path, sizeBytes, clusterId, revision, epoch, createdAt })}\n`
      : `${path}: cluster ${clusterId} at revision ${revision}, ${formatSize(sizeBytes)}\n`,
  );
  return exitCodes.success;
}

/** `tutti backup ls`. */
export async function backupList({ client, output, json, signal }: CliContext): Promise<number> {
  const { snapshots } = await client.call<{ readonly snapshots: readonly SnapshotReport[] }>({
    method: 'GET',
    path: backupsPath,
    signal,
  });
  if (json) {
    output.write(`${JSON.stringify(snapshots)}\n`);
    return exitCodes.success;
  }
  const now = Date.now();
  const rows = snapshots.map(({ path, sizeBytes, header }) => [
    header === undefined ? 'damaged' : `${formatAge(header.createdAt, now)} ago`,
    header?.why ?? '',
    header === undefined ? '' : String(header.revision),
    formatSize(sizeBytes),
    path,
  ]);
  output.write(renderTable(['MADE', 'WHY', 'REVISION', 'SIZE', 'FILE'], rows, output.paint));
  if (rows.length === 0) output.note('none yet; one is made each day\n');
  return exitCodes.success;
}

/** `tutti restore FILE`: without a daemon. */
export async function restore(
  context: CliContext,
  call: SecretFlags & {
    readonly path: string;
    readonly dataDir: string;
    readonly newCluster?: boolean;
    readonly advertiseAddr?: string;
    readonly files: BackupFiles;
  },
): Promise<number> {
  const { output, signal } = context;
  const path = resolve(call.path);
  const { lock } = await call.files.header(path);
  const isSnapshot = lock.kind === 'sealing-key';
  const given = call.passphraseFile !== undefined || call.keyFile !== undefined;
  const secret =
    isSnapshot && !given ? undefined : await readSecret(call, { twice: false, signal });
  const report = await call.files.restore({
    path,
    dataDirectory: dataDirectory(call.dataDir),
    newCluster: call.newCluster === true,
    ...(secret !== undefined && { secret }),
    ...(call.advertiseAddr !== undefined && { advertiseAddress: call.advertiseAddr }),
  });
  if (context.json) {
    output.write(`${JSON.stringify(report)}\n`);
    return exitCodes.success;
  }
  const { services = 0, secrets = 0 } = report.rows;
  output.write(
    `${resolve(call.dataDir)}: ${call.newCluster === true ? 'new ' : ''}cluster ` +
      `${report.clusterId} as of ${new Date(report.createdAt).toISOString()}, ` +
      `${services} services, ${secrets} secrets\n`,
  );
  output.note(
    call.newCluster === true
      ? 'Start the daemon there; other nodes have to join anew.\n'
      : 'Start the daemon there.\n',
  );
  return exitCodes.success;
}

/** Before anything is asked. */
function checkPlace(path: string, given: string): void {
  const refuse = (code: 'already-exists' | 'not-found', why: string, hint: string): TuttiError =>
    new TuttiError(code, `<file>: ${given} ${why}`, { field: '<file>', hint });
  if (given === '-' || given === '') {
    throw new TuttiError('invalid-argument', `<file>: expected a path, found "${given}"`, {
      field: '<file>',
    });
  }
  if (existsSync(path)) throw refuse('already-exists', 'is there already', 'Choose another name.');
  const directory = dirname(path);
  const isDirectory = statSync(directory, { throwIfNoEntry: false })?.isDirectory() === true;
  if (!isDirectory) {
    throw refuse('not-found', `cannot be made: ${directory} is no directory`, 'Make it first.');
  }
}

function formatSize(bytes: number): string {
  if (bytes < 1_024) return `${bytes} B`;
  if (bytes < 1_024 ** 2) return `${(bytes / 1_024).toFixed(1)} KiB`;
  return `${(bytes / 1_024 ** 2).toFixed(1)} MiB`;
}
