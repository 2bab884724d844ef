import type { Logger } from '../host/logger.ts';
import { TuttiError } from '../lib/error.ts';

export interface UnwantedNetworksOptions {
  readonly logger: Logger;
  /** Resolves with whether the network went; never called twice at a time for one network. */
  remove(networkId: string): Promise<boolean>;
}

/**
 * Networks that a view had and a later one has not. Each goes once no container is on it; the
 * container engine that is asked may be frozen, so nobody else waits for that.
 */
export class UnwantedNetworks {
  readonly #ids = new Set<string>();
  readonly #going = new Map<string, Promise<void>>();
  readonly #options: UnwantedNetworksOptions;

  constructor(options: UnwantedNetworksOptions) {
    this.#options = options;
  }

  /** Notes which networks of a view are not in the next one. */
  compare(before: Iterable<string>, now: Iterable<string>): void {
    for (const networkId of before) this.#ids.add(networkId);
    for (const networkId of now) this.#ids.delete(networkId);
  }

  want(networkId: string): void {
    this.#ids.delete(networkId);
  }

  /** Begins to remove them, those that could not go before too. */
  remove(): void {
    for (const networkId of this.#ids) {
      if (this.#going.has(networkId)) continue;
      const going = this.#removeOne(networkId).finally(() => this.#going.delete(networkId));
      this.#going.set(networkId, going);
    }
  }

  async #removeOne(networkId: string): Promise<void> {
    try {
      if (await this.#options.remove(networkId)) this.#ids.delete(networkId);
    } catch (error) {
      this.#options.logger.error('a network could not be removed', {
        error: TuttiError.from(error).message,
      });
    }
  }

  /** Resolves when that network is not being removed any more. */
  async settled(networkId: string): Promise<void> {
    await this.#going.get(networkId);
  }

  /** Forgets all of them, once none is being removed. */
  async clear(): Promise<void> {
    await Promise.all(this.#going.values());
    this.#ids.clear();
  }
}
