import { type FSWatcher, watch } from 'node:fs';
import type { IdentityDisk, NodeIdentity } from '../host/node-identity.ts';
import { TuttiError } from '../lib/error.ts';

/** Where the directory cannot be watched. */
const everyMs = 30_000;

/** The identity of this node, which its daemon renews: what is on disk counts. */
export class WatchedIdentity {
  readonly #disk: IdentityDisk;
  readonly #timer: NodeJS.Timeout;
  readonly #watcher: FSWatcher | undefined;
  #identity: NodeIdentity;

  private constructor(disk: IdentityDisk, identity: NodeIdentity, directory: string) {
    this.#disk = disk;
    try {
      this.#watcher = watch(directory, { persistent: false }, () => void this.#look());
      this.#watcher.on('error', () => this.#watcher?.close());
    } catch {
      // The kernel has no watch to spare: the timer is enough.
      this.#watcher = undefined;
    }
    this.#identity = identity;
    this.#timer = setInterval(() => void this.#look(), everyMs);
    this.#timer.unref();
  }

  /** @throws TuttiError `failed-precondition` where there is none. */
  static async open(disk: IdentityDisk, directory: string): Promise<WatchedIdentity> {
    const identity = await disk.load();
    if (identity?.membership !== undefined) {
      return new WatchedIdentity(disk, identity, directory);
    }
    throw new TuttiError('failed-precondition', 'this manager has no certificate', {
      hint: 'Remove the node from its cluster, and let it join anew.',
    });
  }

  get current(): NodeIdentity {
    return this.#identity;
  }

  close(): void {
    clearInterval(this.#timer);
    this.#watcher?.close();
  }

  async #look(): Promise<void> {
    // A file that is being replaced, or cannot be read, is looked at again.
    const identity = await this.#disk.load().catch(() => undefined);
    if (identity?.membership !== undefined) this.#identity = identity;
  }
}
