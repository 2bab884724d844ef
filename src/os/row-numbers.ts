/**
 * Where each row is in the file: table and id → number. Numbers rise and are not given twice while
 * the file is open. What was noted since the last `keep` can be taken back.
 */
export class RowNumbers {
  readonly #numbers = new Map<string, Map<string, number>>();
  readonly #undo: { readonly table: string; readonly id: string; readonly before?: number }[] = [];
  #last = 0;

  get(table: string, id: string): number | undefined {
    return this.#numbers.get(table)?.get(id);
  }

  /** Notes a number that the file has; false when the row has a number already. */
  load(row: { readonly table: string; readonly id: string; readonly number: number }): boolean {
    const ids = this.#ids(row.table);
    if (ids.has(row.id)) return false;
    ids.set(row.id, row.number);
    this.#last = Math.max(this.#last, row.number);
    return true;
  }

  add(table: string, id: string): number {
    this.#last += 1;
    this.#ids(table).set(id, this.#last);
    this.#undo.push({ table, id });
    return this.#last;
  }

  remove(table: string, id: string): void {
    const ids = this.#ids(table);
    const before = ids.get(id);
    if (before === undefined) return;
    ids.delete(id);
    this.#undo.push({ table, id, before });
  }

  keep(): void {
    this.#undo.length = 0;
  }

  takeBack(): void {
    for (const { table, id, before } of this.#undo.toReversed()) {
      if (before === undefined) this.#ids(table).delete(id);
      else this.#ids(table).set(id, before);
    }
    this.#undo.length = 0;
  }

  #ids(table: string): Map<string, number> {
    const known = this.#numbers.get(table);
    if (known !== undefined) return known;
    const ids = new Map<string, number>();
    this.#numbers.set(table, ids);
    return ids;
  }
}
