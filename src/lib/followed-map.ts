import { changedKeys, LayeredMap } from './layered-map.ts';

interface Followed<Value> {
  readonly inputs: readonly unknown[];
  readonly value: Value;
}

/** How a value follows from a row. */
export interface Following<Row, Value> {
  /** While these are the same, only rows that changed are looked at. */
  readonly context: readonly unknown[];
  /** What of the context a row's value follows from; compared by identity (`Object.is`). */
  inputsOf(row: Row): readonly unknown[];
  compute(row: Row): Value;
}

/** What came and what went with a step; a value that was computed again is both. */
export interface FollowedChange<Value> {
  readonly come: readonly Value[];
  readonly gone: readonly Value[];
}

/**
 * What follows from each row of maps that follow on each other. Rows are replaced, never changed: a
 * step costs what differs (with `LayeredMap`s), and a value whose row and inputs are as they were
 * stays the same object.
 */
export class FollowedMap<Row, Value> {
  #rows: ReadonlyMap<string, Row> = new Map();
  #context: readonly unknown[] = [];
  readonly #followed = new Map<string, Followed<Value>>();
  /** Kept from when somebody asks for it. */
  #values: LayeredMap<string, Value> | undefined;

  /** Of the rows that were followed last. */
  get values(): ReadonlyMap<string, Value> {
    this.#values ??= new LayeredMap(
      [...this.#followed].map(([key, { value }]) => [key, value] as const),
    );
    return this.#values.snapshot();
  }

  follow(rows: ReadonlyMap<string, Row>, following: Following<Row, Value>): FollowedChange<Value> {
    const come: Value[] = [];
    const gone: Value[] = [];
    const isSameContext = hasSameItems(this.#context, following.context);
    const before = this.#rows;
    const changed = changedKeys(before, rows);
    this.#rows = rows;
    this.#context = following.context;
    const step = (key: string): void => {
      const known = this.#followed.get(key);
      const row = rows.get(key);
      if (row === undefined) {
        if (known === undefined) return;
        gone.push(known.value);
        this.#followed.delete(key);
        this.#values?.delete(key);
        return;
      }
      const inputs = following.inputsOf(row);
      const isSameRow = known !== undefined && Object.is(before.get(key), row);
      if (isSameRow && hasSameItems(known.inputs, inputs)) return;
      const value = following.compute(row);
      if (known !== undefined) gone.push(known.value);
      come.push(value);
      this.#followed.set(key, { inputs, value });
      this.#values?.set(key, value);
    };
    const isAllNew = before.size === 0;
    const keys = isSameContext || isAllNew ? changed : new Set([...changed, ...rows.keys()]);
    for (const key of keys) step(key);
    return { come, gone };
  }
}

function hasSameItems(one: readonly unknown[], other: readonly unknown[]): boolean {
  return one.length === other.length && one.every((item, index) => Object.is(item, other[index]));
}
