import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../host/clock.ts';
import type { Logger } from '../host/logger.ts';
import { TuttiError } from '../lib/error.ts';
import type { BackupReason, SnapshotReport } from '../model/backup.ts';
import { newSnapshotLock } from './backup-key.ts';
import { openBackup } from './backup-read.ts';
import { type BackupContent, writeBackup } from './backup-write.ts';
import type { SealingKey } from './certificates-seal.ts';
import { replaceFile } from './replace-file.ts';

const kept = 7;
const lookEveryMs = 3_600_000;
const dayMs = 24 * 3_600_000;
const suffix = '.backup';

export interface SnapshotsOptions {
  readonly directory: string;
  readonly sealing: SealingKey;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Snapshots that a manager makes by itself, one a day and one before each migration, under the
 * cluster's sealing key. They help against mistakes and defects; a backup belongs on another
 * machine.
 */
export class Snapshots {
  readonly #options: SnapshotsOptions;

  constructor(options: SnapshotsOptions) {
    this.#options = options;
  }

  /** Resolves with the path once it is durable; then the oldest go. */
  async make(content: Omit<BackupContent, 'state'>, why: BackupReason): Promise<string> {
    const { directory, sealing, clock } = this.#options;
    await mkdir(directory, { recursive: true, mode: 0o700 });
    const material = await sealing.material();
    const now = clock.now();
    const stamp = new Date(now).toISOString().replaceAll(':', '-').slice(0, 19);
    const path = join(directory, `${stamp}-${why}-${content.snapshot.revision}${suffix}`);
    const state = { sealingKey: material.toString('base64') };
    const bytes = writeBackup({ ...content, state }, { ...newSnapshotLock(material), why, now });
    await replaceFile(path, bytes);
    await this.#prune();
    return path;
  }

  /** Newest first. */
  async list(): Promise<readonly SnapshotReport[]> {
    const reports: SnapshotReport[] = [];
    for (const path of await this.#paths()) {
      const { size: sizeBytes } = await stat(path);
      reports.push({ path, sizeBytes, ...(await headerOf(path)) });
    }
    return reports;
  }

  /** Makes one a day until the signal. `content`: undefined while there is no cluster. */
  async run(
    content: () => Omit<BackupContent, 'state'> | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const { clock, logger } = this.#options;
    while (!signal.aborted) {
      try {
        const now = content();
        if (now !== undefined && (await this.#isDue())) {
          logger.info('a snapshot was made', { path: await this.make(now, 'daily') });
        }
      } catch (error) {
        const { message } = TuttiError.from(error);
        logger.warn('no snapshot could be made', { error: message });
      }
      await clock.sleep(lookEveryMs, signal).catch(() => undefined);
    }
  }

  async #isDue(): Promise<boolean> {
    const newest = (await this.list()).find(({ header }) => header?.why === 'daily')?.header;
    return newest === undefined || this.#options.clock.now() - newest.createdAt >= dayMs;
  }

  async #prune(): Promise<void> {
    for (const path of (await this.#paths()).slice(kept)) await rm(path, { force: true });
  }

  /** Their names begin with the time. */
  async #paths(): Promise<readonly string[]> {
    const { directory } = this.#options;
    const names = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    });
    const ours = names.filter((name) => name.endsWith(suffix)).toSorted();
    return ours.toReversed().map((name) => join(directory, name));
  }
}

async function headerOf(path: string): Promise<Pick<SnapshotReport, 'header'>> {
  try {
    return { header: (await openBackup(path)).header };
  } catch {
    // The list says that it is damaged; restoring says how.
    return {};
  }
}
