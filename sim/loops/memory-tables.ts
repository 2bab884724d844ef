import type { Transaction, Change, View } from '../../src/store/view.ts';
import {
  absorbAll,
  asTransaction,
  asView,
  changesOf,
  emptyTables,
  overlaysOn,
  sealAll,
} from '../../src/store/tables.ts';

/** The store's own tables without engine or queue: a transaction is over when it returns. */
export class MemoryTables {
  readonly view: View;
  readonly #tables = emptyTables();
  #revision = 0;

  constructor() {
    this.view = asView(
      () => this.#tables,
      () => this.#revision,
    );
  }

  /**
   * Commits what the closure writes and returns the changes; when it throws nothing has changed.
   */
  update(run: (tx: Transaction) => void): readonly Change[] {
    const overlays = overlaysOn(this.#tables);
    run(asTransaction(overlays, this.#revision + 1));
    sealAll(overlays);
    const changes = changesOf(overlays, this.#tables);
    absorbAll(overlays, this.#tables);
    if (changes.length > 0) this.#revision += 1;
    return changes;
  }

  /** What the closure makes of a transaction whose writes are dropped. */
  rehearse<T>(run: (tx: Transaction) => T): T {
    return run(asTransaction(overlaysOn(this.#tables), this.#revision + 1));
  }
}
