/** So many changes stand beside the rows that copies share, however few rows there are. */
const fewestChanges = 64;

interface Base<Key, Value> {
  readonly rows: ReadonlyMap<Key, Value>;
  /** What these rows were made from, and the keys that may differ. */
  readonly before?: { readonly rows: WeakRef<ReadonlyMap<Key, Value>>; readonly keys: Set<Key> };
}

/**
 * A map whose copies share what did not change since: a copy, and a comparison with one, cost what
 * changed and not what there is. Order is that of a `Map`.
 */
export class LayeredMap<Key, Value> implements ReadonlyMap<Key, Value> {
  #base: Base<Key, Value> = { rows: new Map() };
  /** Keys of the base with other values. */
  #replaced = new Map<Key, Value>();
  /** Keys of the base that are gone, whether they came again or not. */
  #removed = new Set<Key>();
  /** Keys that the base does not have, or that came again, in order. */
  #added = new Map<Key, Value>();
  /** Nobody changes it: the copy that was made last, while it is the same as this. */
  #copy: ReadonlyMap<Key, Value> | undefined;

  constructor(rows: Iterable<readonly [Key, Value]> = []) {
    this.#base = { rows: new Map(rows) };
  }

  get size(): number {
    return this.#base.rows.size - this.#removed.size + this.#added.size;
  }

  get(key: Key): Value | undefined {
    const added = this.#added.get(key);
    if (added !== undefined || this.#added.has(key)) return added;
    if (this.#base.rows.size === 0 || this.#removed.has(key)) return undefined;
    const replaced = this.#replaced.get(key);
    if (replaced !== undefined || this.#replaced.has(key)) return replaced;
    return this.#base.rows.get(key);
  }

  has(key: Key): boolean {
    return this.#added.has(key) || this.#isOfBase(key);
  }

  /** Looking into a map that is empty costs as much as into another one: most begin so. */
  #isOfBase(key: Key): boolean {
    const { rows } = this.#base;
    return rows.size > 0 && rows.has(key) && !this.#removed.has(key);
  }

  set(key: Key, value: Value): this {
    this.#copy = undefined;
    if (this.#isOfBase(key)) this.#replaced.set(key, value);
    else this.#added.set(key, value);
    return this;
  }

  delete(key: Key): boolean {
    if (!this.has(key)) return false;
    this.#copy = undefined;
    this.#added.delete(key);
    this.#replaced.delete(key);
    if (this.#base.rows.has(key)) this.#removed.add(key);
    return true;
  }

  clear(): void {
    this.#copy = undefined;
    this.#base = { rows: new Map() };
    this.#beginAnew();
  }

  #beginAnew(): void {
    this.#replaced = new Map();
    this.#removed = new Set();
    this.#added = new Map();
  }

  /** As many changes are copied with each copy as make it worth to copy all once more. */
  #flatten(): void {
    const { rows } = this.#base;
    const changes = this.#replaced.size + this.#removed.size + this.#added.size;
    if (changes <= fewestChanges || changes * changes <= rows.size) return;
    if (rows.size === 0) {
      this.#base = { rows: this.#added };
      this.#beginAnew();
      return;
    }
    const before = { rows: new WeakRef(rows), keys: this.#changedKeys() };
    this.#base = { rows: new Map(this), before };
    this.#beginAnew();
  }

  #changedKeys(): Set<Key> {
    return new Set([...this.#replaced.keys(), ...this.#removed, ...this.#added.keys()]);
  }

  /** As it is now, whatever becomes of this one; the same object while nothing changes. */
  snapshot(): ReadonlyMap<Key, Value> {
    if (this.#copy !== undefined) return this.#copy;
    this.#flatten();
    const copy = new LayeredMap<Key, Value>();
    copy.#base = this.#base;
    copy.#replaced = new Map(this.#replaced);
    copy.#removed = new Set(this.#removed);
    copy.#added = new Map(this.#added);
    this.#copy = copy;
    return copy;
  }

  /** Keys of which alone two may differ; undefined where they share nothing. */
  keysBeside(before: LayeredMap<Key, Value>): ReadonlySet<Key> | undefined {
    const own = this.#base;
    const keys = this.#changedKeys().union(before.#changedKeys());
    if (own.rows === before.#base.rows) return keys;
    if (own.before?.rows.deref() !== before.#base.rows) return undefined;
    return keys.union(own.before.keys);
  }

  /** The map that alone has all rows, where one does. */
  get #whole(): ReadonlyMap<Key, Value> | undefined {
    if (this.#base.rows.size === 0) return this.#added;
    const changes = this.#replaced.size + this.#removed.size + this.#added.size;
    return changes === 0 ? this.#base.rows : undefined;
  }

  *#merged(): Generator<[Key, Value], undefined> {
    for (const [key, value] of this.#base.rows) {
      if (this.#removed.has(key)) continue;
      yield [key, this.#replaced.has(key) ? (this.#replaced.get(key) as Value) : value];
    }
    yield* this.#added;
    return undefined;
  }

  *#mergedKeys(): Generator<Key, undefined> {
    for (const [key] of this.#merged()) yield key;
    return undefined;
  }

  *#mergedValues(): Generator<Value, undefined> {
    for (const [, value] of this.#merged()) yield value;
    return undefined;
  }

  entries(): MapIterator<[Key, Value]> {
    return this.#whole?.entries() ?? this.#merged();
  }

  [Symbol.iterator](): MapIterator<[Key, Value]> {
    return this.entries();
  }

  keys(): MapIterator<Key> {
    return this.#whole?.keys() ?? this.#mergedKeys();
  }

  values(): MapIterator<Value> {
    return this.#whole?.values() ?? this.#mergedValues();
  }

  forEach(
    tell: (value: Value, key: Key, map: ReadonlyMap<Key, Value>) => void,
    receiver?: unknown,
  ): void {
    for (const [key, value] of this.entries()) tell.call(receiver, value, key, this);
  }
}

/** The keys that only one of them has, or that have other values (`Object.is`). */
export function changedKeys<Key, Value>(
  before: ReadonlyMap<Key, Value>,
  after: ReadonlyMap<Key, Value>,
): readonly Key[] {
  if (before === after) return [];
  const isChanged = (key: Key): boolean =>
    !Object.is(before.get(key), after.get(key)) || before.has(key) !== after.has(key);
  if (before instanceof LayeredMap && after instanceof LayeredMap) {
    const keys = (after as LayeredMap<Key, Value>).keysBeside(before as LayeredMap<Key, Value>);
    if (keys !== undefined) return [...keys].filter(isChanged);
  }
  const changed: Key[] = [];
  let kept = 0;
  for (const [key, value] of after) {
    const isKnown = before.has(key);
    if (isKnown) kept += 1;
    if (!isKnown || !Object.is(before.get(key), value)) changed.push(key);
  }
  if (kept === before.size) return changed;
  for (const key of before.keys()) if (!after.has(key)) changed.push(key);
  return changed;
}
