import type { Authority } from '../host/authority.ts';
import type { Clock } from '../host/clock.ts';
import type { Logger } from '../host/logger.ts';
import type { Random } from '../host/random.ts';
import type { Store } from '../store/store.ts';
import { adoptRoot, lacksRoot, makeRoot } from './cluster-root.ts';
import { theCluster } from './cluster-row.ts';

/** Keeps a cluster's keys as its rows say. What fails is logged, and tried at the next start. */
export class ClusterKeys {
  readonly #options: ClusterKeysOptions;

  constructor(options: ClusterKeysOptions) {
    this.#options = options;
  }

  /** What a manager that was interrupted did not finish, and what a restore leaves to do. */
  async keep(): Promise<void> {
    const { store, authority, logger } = this.#options;
    if (lacksRoot(store.view)) void this.#adoptRoot();
    const cluster = theCluster(store.view);
    if (cluster === undefined) return;
    try {
      await authority.keepUnder(cluster.unlockKey);
    } catch (error) {
      logger.error('the sealing key could not be kept as the cluster says', { error });
    }
  }

  /** A key that stays behind opens nothing any more; the next cluster would use it again. */
  async forget(): Promise<void> {
    const { authority, logger } = this.#options;
    try {
      await authority.forget();
    } catch (error) {
      logger.warn('the sealing key of the cluster could not be deleted', { error });
    }
  }

  /** For a store from before clusters had a root. */
  async #adoptRoot(): Promise<void> {
    const { store, authority, clock, random, logger } = this.#options;
    const randomBytes = (count: number): Uint8Array => random.bytes(count);
    try {
      const root = await makeRoot(authority, clock.now());
      await store.update((tx) => adoptRoot(tx, { root, randomBytes }));
      logger.warn('the cluster has a certificate authority now; its join tokens are new');
    } catch (error) {
      logger.error('no certificate authority could be made for the cluster', { error });
    }
  }
}

interface ClusterKeysOptions {
  readonly store: Store;
  readonly authority: Authority;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}
