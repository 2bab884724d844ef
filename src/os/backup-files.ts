import type {
  BackupHeader,
  BackupLock,
  BackupSecret,
  RestoreOptions,
  RestoreReport,
} from '../model/backup.ts';
import { newLock } from './backup-key.ts';
import { checkBackup, openBackup } from './backup-read.ts';
import { restoreBackup } from './backup-restore.ts';
import { replaceFile } from './replace-file.ts';

/** What the command line does with backups on this machine, without a daemon. */
export class BackupFiles {
  readonly #knownSchemaVersion: number;

  constructor(options: { readonly knownSchemaVersion: number }) {
    this.#knownSchemaVersion = options.knownSchemaVersion;
  }

  async lock(secret: BackupSecret): Promise<{ readonly lock: BackupLock; readonly key: string }> {
    const { lock, key } = await newLock(secret);
    return { lock, key: key.toString('base64') };
  }

  async header(path: string): Promise<BackupHeader> {
    return (await openBackup(path)).header;
  }

  async save(
    path: string,
    backup: { readonly bytes: AsyncIterable<Uint8Array>; readonly key: string },
  ): Promise<BackupHeader> {
    await replaceFile(path, backup.bytes, async (written) => {
      await checkBackup(await openBackup(written), Buffer.from(backup.key, 'base64'));
    });
    return await this.header(path);
  }

  async restore(options: RestoreOptions): Promise<RestoreReport> {
    return await restoreBackup(options, this.#knownSchemaVersion);
  }
}
