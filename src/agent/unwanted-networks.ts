import type { Logger } from '../host/logger.ts';
import { TuttiError } from '../lib/error.ts';

export interface UnwantedNetworksOptions {
  readonly logger: Logger;
  /** Resolves with whether the network went; called for one at a time. */
  remove(networkId: string): Promise<boolean>;
}

/**
 * Networks that a view had and a later one has not. Each goes once no container is on it; the
 * container engine that is asked may be frozen, so nobody else waits for that. One after the other:
 * asked for several at once, Docker Engine 20.10 may leave a bridge, in the way of the next network
 * with its subnet.
 */
export class UnwantedNetworks {
  readonly #ids = new Set<string>();
  readonly #options: UnwantedNetworksOptions;
  #current: { readonly networkId: string; readonly over: Promise<void> } | undefined;
  #isRemoving = false;
  #removed: Promise<void> = Promise.resolve();
  #isAskedAgain = false;

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
    this.#isAskedAgain = true;
    if (!this.#isRemoving) this.#removed = this.#removeAll();
  }

  async #removeAll(): Promise<void> {
    this.#isRemoving = true;
    while (this.#isAskedAgain) {
      this.#isAskedAgain = false;
      for (const networkId of this.#ids) {
        this.#current = { networkId, over: this.#removeOne(networkId) };
        await this.#current.over;
      }
    }
    this.#current = undefined;
    this.#isRemoving = false;
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
    if (this.#current?.networkId === networkId) await this.#current.over;
  }

  /** Forgets all of them; resolves when none is being removed. */
  async clear(): Promise<void> {
    this.#ids.clear();
    await this.#removed;
  }
}
