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

  async check(path: string, key: string): Promise<BackupHeader> {
    const file = await openBackup(path);
    await checkBackup(file, Buffer.from(key, 'base64'));
    return file.header;
  }

  async restore(options: RestoreOptions): Promise<RestoreReport> {
    return await restoreBackup(options, this.#knownSchemaVersion);
  }
}
