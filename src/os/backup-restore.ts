import { existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { StoredChange, StoredRow, StoreEngine } from '../host/store-engine.ts';
import { TuttiError } from '../lib/error.ts';
import { newId } from '../lib/id.ts';
import type { BackupSecret, RestoreOptions, RestoreReport } from '../model/backup.ts';
import type { ManagerSeat, Node } from '../model/node.ts';
import { skippedNumbers } from '../model/recovery.ts';
import { FileAgentDisk } from './agent-disk.ts';
import { keyOf, snapshotKeyOf } from './backup-key.ts';
import { type BackupFile, checkBackup, openBackup, readBackup } from './backup-read.ts';
import type { BackupState } from './backup-write.ts';
import { NodeIdentityFile } from './certificates-files.ts';
import { SealingKey } from './certificates-seal.ts';
import { type DataLayout, openDataLayout } from './data-layout.ts';
import { lockDirectory } from './process-lock.ts';
import { syncDirectory } from './replace-file.ts';
import { SealedEngine } from './sealed-engine.ts';
import { SqliteEngine } from './sqlite-engine.ts';
import { movePosition } from './sqlite-file.ts';
import { readStoreMarker } from './store-marker.ts';
import { SystemRandom } from './system-random.ts';

const batchRows = 1_000;

/** Of a new cluster: who was in the old one, what ran there, and whom its nodes believed. */
const leftBehind: ReadonlySet<string> = new Set(['nodes', 'tasks', 'roots']);

/**
 * Brings a backup into a data directory that holds no cluster. The file is checked as a whole
 * first, and the store appears at the very end, by a rename: until then nothing has changed.
 *
 * @throws TuttiError naming the file, or the directory and what is in it.
 */
export async function restoreBackup(
  options: RestoreOptions,
  knownSchemaVersion: number,
): Promise<RestoreReport> {
  const file = await openBackup(options.path);
  checkSchema(file, knownSchemaVersion);
  const isSnapshot = file.header.lock.kind === 'sealing-key';
  const ahead =
    isSnapshot || options.secret === undefined
      ? undefined
      : await keyOf(file.header.lock, options.secret);
  if (ahead !== undefined) await checkBackup(file, ahead);
  const layout = await openDataLayout(options.dataDirectory);
  const unlock = await lockDirectory(layout.agentLockPath, layout.dataDirectory);
  try {
    await mustBeEmpty(layout);
    const sealing = new SealingKey(layout.sealingKeyPath);
    const key = ahead ?? (await snapshotKey(file, { ...options, sealing, layout }));
    if (ahead === undefined) await checkBackup(file, key);
    return await new Restore({ ...options, file, key, layout, sealing }).run();
  } finally {
    await unlock();
  }
}

interface RestoreFrom extends RestoreOptions {
  readonly file: BackupFile;
  readonly key: Buffer;
  readonly layout: DataLayout;
  readonly sealing: SealingKey;
}

class Restore {
  readonly #from: RestoreFrom;
  readonly #clusterId: string;
  readonly #counts: Record<string, number> = {};

  constructor(from: RestoreFrom) {
    this.#from = from;
    const random = new SystemRandom();
    this.#clusterId = from.newCluster
      ? newId((count) => random.bytes(count))
      : from.file.header.clusterId;
  }

  async run(): Promise<RestoreReport> {
    const { file, key, layout, sealing, newCluster } = this.#from;
    const { header } = file;
    const { state, rows } = await readBackup(file, key);
    // The keys of roots among the rows are sealed under it; a new cluster gets both anew.
    if (!newCluster) await sealing.adopt(Buffer.from(state.sealingKey, 'base64'));
    const building = `${layout.storePath}.restoring`;
    await removeStore(building);
    const engine = new SealedEngine({ engine: SqliteEngine.open(building), key: sealing });
    try {
      await this.#write(engine, { rows, nodeId: state.nodeId ?? (await this.#nodeHere()) });
    } finally {
      await engine.close();
    }
    const position = {
      epoch: header.epoch + skippedNumbers.epochs,
      revision: header.revision + skippedNumbers.revisions,
    };
    movePosition(building, position);
    if (!newCluster) await this.#becomeNode(state);
    await removeStore(layout.storePath);
    await rename(building, layout.storePath);
    await syncDirectory(dirname(layout.storePath));
    const { createdAt } = header;
    return { clusterId: this.#clusterId, createdAt, ...position, rows: this.#counts };
  }

  async #write(
    engine: StoreEngine,
    from: { readonly rows: AsyncIterable<StoredRow>; readonly nodeId: string | undefined },
  ): Promise<void> {
    const { schemaVersion } = this.#from.file.header;
    let changes: StoredChange[] = [{ kind: 'schema-version', version: schemaVersion }];
    const { epoch, revision: first } = await engine.load();
    let revision = first;
    const commit = async (): Promise<void> => {
      const outcome = await engine.commit(changes, { epoch, revision });
      if (outcome.kind !== 'committed') throw notWritten(outcome);
      revision += 1;
      changes = [];
    };
    const put = async (row: StoredRow): Promise<void> => {
      this.#counts[row.table] = (this.#counts[row.table] ?? 0) + 1;
      changes.push({ kind: 'put', ...row });
      if (changes.length >= batchRows) await commit();
    };
    const clusters: StoredRow[] = [];
    let seat: ManagerSeat | undefined;
    for await (const row of from.rows) {
      if (this.#from.newCluster && leftBehind.has(row.table)) continue;
      if (row.table === 'clusters') clusters.push(row);
      else if (row.table === 'nodes') {
        const node = withoutSeat(JSON.parse(row.value) as Node, from.nodeId);
        seat ??= node.ownSeat;
        await put({ ...row, value: JSON.stringify(node.row) });
      } else await put(row);
    }
    const address = this.#from.advertiseAddress ?? seat?.address;
    for (const row of clusters) await put(this.#clusterRow(row, address));
    await commit();
  }

  /** A snapshot does not say on whose machine it was made; it is restored there. */
  async #nodeHere(): Promise<string | undefined> {
    return (await new FileAgentDisk(this.#from.layout.agentStatePath).load())?.nodeId;
  }

  #clusterRow(row: StoredRow, advertiseAddress: string | undefined): StoredRow {
    const cluster = JSON.parse(row.value) as Record<string, unknown>;
    cluster['id'] = this.#clusterId;
    if (advertiseAddress !== undefined) cluster['advertiseAddress'] = advertiseAddress;
    return { ...row, id: this.#clusterId, value: JSON.stringify(cluster) };
  }

  /** The machine goes on as the node that made the backup. */
  async #becomeNode({ nodeId }: BackupState): Promise<void> {
    if (nodeId === undefined) return;
    const disk = new FileAgentDisk(this.#from.layout.agentStatePath);
    await disk.save({ nodeId, clusterId: this.#clusterId, view: [], ended: [] });
  }
}

/** A restored cluster has one manager: others that it had are workers, and no row has a seat. */
function withoutSeat(
  { seat, ...row }: Node,
  ownId: string | undefined,
): { readonly row: Node; readonly ownSeat?: ManagerSeat } {
  if (seat === undefined) return { row };
  const { keyDigest: _, ...own } = row;
  if (row.id === ownId) return { row: own, ownSeat: seat };
  return { row: { ...row, spec: { ...row.spec, role: 'worker' } } };
}

function checkSchema({ path, header }: BackupFile, known: number): void {
  if (header.schemaVersion <= known) return;
  throw new TuttiError(
    'failed-precondition',
    `${path} has schema version ${header.schemaVersion}, this program knows up to ${known}`,
    { hint: 'Restore it with the newer program that made it.' },
  );
}

/** @throws TuttiError `failed-precondition` where a cluster, or a node of one, is in the way. */
async function mustBeEmpty(layout: DataLayout): Promise<void> {
  const { dataDirectory } = layout;
  const taken = (what: string): TuttiError =>
    new TuttiError('failed-precondition', `${dataDirectory} ${what}; nothing was restored`, {
      field: '--data-dir',
      hint: 'Restore into an empty directory, or leave the cluster there first.',
    });
  if ((await readStoreMarker(layout.storeMarkerPath)) !== 'sqlite') {
    throw taken('is of one of several managers');
  }
  if (existsSync(layout.storePath)) {
    const engine = SqliteEngine.open(layout.storePath);
    try {
      for (const _row of (await engine.load()).rows) throw taken('holds a cluster already');
    } finally {
      await engine.close();
    }
  }
  const identity = await new NodeIdentityFile(layout.identityPath).load();
  if (identity?.membership !== undefined) throw taken('is of a node of another cluster');
}

async function snapshotKey(
  { header }: BackupFile,
  from: {
    readonly sealing: SealingKey;
    readonly layout: DataLayout;
    readonly secret?: BackupSecret;
  },
): Promise<Buffer> {
  const { sealing, layout, secret } = from;
  if (header.lock.kind !== 'sealing-key') {
    const isPhrase = header.lock.kind === 'passphrase';
    const field = isPhrase ? '--passphrase-file' : '--key-file';
    throw new TuttiError('invalid-argument', `this backup is opened with ${field}`, { field });
  }
  if (!existsSync(layout.sealingKeyPath)) {
    throw new TuttiError(
      'failed-precondition',
      `a snapshot is opened with the sealing key of its cluster; ${layout.sealingKeyPath} is not ` +
        'there',
      { field: '--data-dir', hint: 'Put the sealing.key of that cluster there.' },
    );
  }
  if (await sealing.isLocked()) {
    if (secret?.kind !== 'passphrase') {
      throw new TuttiError('failed-precondition', `${layout.sealingKeyPath} is locked`, {
        field: '--passphrase-file',
        hint: 'Give the unlock key of its cluster with --passphrase-file.',
      });
    }
    await sealing.unlock(secret.text);
  }
  return snapshotKeyOf(header.lock, await sealing.material());
}

function notWritten(outcome: { readonly kind: string; readonly message?: string }): TuttiError {
  const isFull = 'code' in outcome && outcome.code === 'disk-full';
  return new TuttiError(
    isFull ? 'resource-exhausted' : 'unavailable',
    `the store could not be written: ${outcome.message ?? outcome.kind}; nothing was restored`,
  );
}

async function removeStore(path: string): Promise<void> {
  for (const suffix of ['', '-wal', '-shm']) await rm(`${path}${suffix}`, { force: true });
}
