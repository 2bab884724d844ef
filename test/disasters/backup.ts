import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tutti, tuttiAlone } from './commands.ts';
import type { DisasterSite } from './site.ts';

/** A backup of a cluster, elsewhere than its machines. */
export class Backup implements AsyncDisposable {
  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  static async of(site: DisasterSite, host: string): Promise<Backup> {
    const backup = new Backup(await mkdtemp(join(tmpdir(), 'tutti-backup-')));
    await writeFile(join(backup.#directory, 'phrase'), 'a long enough phrase\n');
    await tutti(site, host, 'backup', ...backup.#words);
    return backup;
  }

  /** On a host without power, which has nothing. */
  async restore({ site }: DisasterSite, host: string): Promise<void> {
    const { address } = site.playground.host(host);
    const where = ['--data-dir', site.dataDirectory(host), '--advertise-addr', address];
    await tuttiAlone('restore', ...where, ...this.#words);
  }

  get #words(): readonly string[] {
    const phrase = join(this.#directory, 'phrase');
    return ['--passphrase-file', phrase, join(this.#directory, 'cluster.backup')];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#directory, { recursive: true });
  }
}
