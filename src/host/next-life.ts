import type { StoreEngine } from './store-engine.ts';

/** A manager does not change its kind of store: it ends, and its daemon starts the next one. */
export interface NextLife {
  /**
   * Closes everything, and has `prepare` work on the store engine that nobody else uses any more
   * (sealed texts as they are); then the process ends. It ends too where `prepare` throws.
   */
  begin(prepare: (engine: StoreEngine) => Promise<void>): Promise<never>;
}
