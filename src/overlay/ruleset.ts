import { changedKeys } from '../lib/layered-map.ts';

/**
 * A table of nftables as data: chains with their rules, and named maps and sets with their
 * elements. Maps are global; none belongs to one service (10,000 services then load in half a
 * second, not in 50).
 */
export interface Ruleset {
  /** `family name`: `ip tutti`. */
  readonly table: string;
  /** In order: a chain stands after those that it jumps to. */
  readonly chains: ReadonlyMap<string, readonly string[]>;
  readonly collections: ReadonlyMap<string, Collection>;
  /**
   * Elements, in parts that follow from one thing each: what is the same object in the same source
   * of another ruleset has not changed. Elements of a map that the table does not have count for
   * nothing.
   */
  readonly sources: readonly Source[];
}

export interface Collection {
  readonly kind: 'map' | 'set';
  /** `typeof iifname . ip daddr : verdict`. */
  readonly type: string;
}

/** Elements of some of the maps and sets. */
export type Part = Readonly<Record<string, Elements | undefined>>;

/** Each key once, with its value (the empty string in sets). */
export type Elements = Iterable<Element>;
type Element = readonly [key: string, value: string];
type ElementMap = ReadonlyMap<string, string>;

/** What has a part of the elements, by what it is. No key is in two parts. */
export type Source = ReadonlyMap<string, { readonly part: Part }>;

/** All elements of one map or set. */
export function elementsOf({ collections, sources }: Ruleset, name: string): ElementMap {
  const all = new Map<string, string>();
  if (!collections.has(name)) return all;
  for (const source of sources) {
    for (const { part } of source.values()) addAll(all, part[name]);
  }
  return all;
}

function addAll(all: Map<string, string>, elements: Elements | undefined): void {
  if (elements === undefined) return;
  for (const [key, value] of elements) all.set(key, value);
}

/** A script that makes the table be exactly this, whatever is there; one transaction. */
export function renderWhole(ruleset: Ruleset, known = new ElementTexts()): string {
  const { table, collections } = ruleset;
  const lines = [`add table ${table}`, `delete table ${table}`, `add table ${table}`];
  for (const [name, collection] of collections) {
    lines.push(`add ${collection.kind} ${table} ${name} { ${collection.type}; }`);
  }
  for (const [name, rules] of ruleset.chains) lines.push(...renderChain(table, { name, rules }));
  const texts = ruleset.sources.map((source) => known.of(source));
  for (const name of collections.keys()) {
    const list = texts.flatMap((ofSource) => ofSource.get(name) ?? []);
    if (list.length > 0) lines.push(`add element ${table} ${name} { ${list.join(', ')} }`);
  }
  return `${lines.join('\n')}\n`;
}

/** The elements of sources as scripts have them: what is asked for again costs nothing. */
export class ElementTexts {
  readonly #known = new WeakMap<Source, ReadonlyMap<string, string>>();

  /** By the name of their map or set. */
  of(source: Source): ReadonlyMap<string, string> {
    const known = this.#known.get(source) ?? elementTexts(source);
    this.#known.set(source, known);
    return known;
  }
}

function elementTexts(source: Source): ReadonlyMap<string, string> {
  const lists = new Map<string, string[]>();
  for (const { part } of source.values()) {
    for (const [name, elements] of Object.entries(part)) {
      if (elements === undefined) continue;
      const list = lists.get(name) ?? [];
      lists.set(name, list);
      for (const element of elements) list.push(elementText(element));
    }
  }
  return new Map(
    [...lists].flatMap(([name, list]) => (list.length === 0 ? [] : [[name, list.join(', ')]])),
  );
}

function elementText([key, value]: Element): string {
  return value === '' ? key : `${key} : ${value}`;
}

/** A chain that begins with `type …` hangs on a hook of the kernel. */
function isBaseChain(rules: readonly string[]): boolean {
  return rules[0]?.startsWith('type ') === true;
}

function renderChain(
  table: string,
  chain: { readonly name: string; readonly rules: readonly string[] },
): readonly string[] {
  const [hook, ...others] = chain.rules;
  const isBase = isBaseChain(chain.rules);
  const rules = isBase ? others : chain.rules;
  const declaration = isBase ? ` { ${hook} }` : '';
  return [
    `add chain ${table} ${chain.name}${declaration}`,
    ...rules.map((rule) => `add rule ${table} ${chain.name} ${rule}`),
  ];
}

interface ElementsOf {
  readonly table: string;
  readonly name: string;
  readonly elements: ElementMap;
}

function renderAddition({ table, name, elements }: ElementsOf): string {
  const list = Array.from(elements, elementText);
  return `add element ${table} ${name} { ${list.join(', ')} }`;
}

function renderRemoval({ table, name, elements }: ElementsOf): string {
  return `delete element ${table} ${name} { ${[...elements.keys()].join(', ')} }`;
}

/**
 * A script that turns one table into the other, one transaction; empty when they are the same,
 * undefined when more differs than elements and the chains that elements lead to, and the whole has
 * to be loaded. Costs what differs.
 */
export function renderDifference(before: Ruleset, after: Ruleset): string | undefined {
  const { table, collections } = after;
  if (before.table !== table || before.sources.length !== after.sources.length) return undefined;
  const chains = chainDifference(before, after);
  if (chains === undefined || before.collections.size !== collections.size) return undefined;
  for (const [name, { type }] of collections) {
    if (before.collections.get(name)?.type !== type) return undefined;
  }
  const changed = changedParts(before, after);
  const removals: string[] = [];
  const additions: string[] = [];
  for (const name of collections.keys()) {
    const old = ofParts(changed.old, name);
    const recent = ofParts(changed.recent, name);
    const gone = without(old, recent);
    const come = without(recent, old);
    if (gone.size > 0) removals.push(renderRemoval({ table, name, elements: gone }));
    if (come.size > 0) additions.push(renderAddition({ table, name, elements: come }));
  }
  // An element stands between the chain that it leads to being made and being removed.
  const all = [...chains.additions, ...removals, ...additions, ...chains.removals];
  return all.length === 0 ? '' : `${all.join('\n')}\n`;
}

/** The parts that only one of the two has. */
function changedParts(
  before: Ruleset,
  after: Ruleset,
): { readonly old: readonly Part[]; readonly recent: readonly Part[] } {
  const old: Part[] = [];
  const recent: Part[] = [];
  for (const [index, source] of after.sources.entries()) {
    const known = before.sources[index] ?? new Map<string, { readonly part: Part }>();
    for (const key of changedKeys(known, source)) {
      const gone = known.get(key)?.part;
      const come = source.get(key)?.part;
      if (gone === come) continue;
      if (gone !== undefined) old.push(gone);
      if (come !== undefined) recent.push(come);
    }
  }
  return { old, recent };
}

function ofParts(parts: readonly Part[], name: string): ElementMap {
  const all = new Map<string, string>();
  for (const part of parts) addAll(all, part[name]);
  return all;
}

function chainDifference(
  before: Ruleset,
  after: Ruleset,
): { readonly additions: readonly string[]; readonly removals: readonly string[] } | undefined {
  const additions: string[] = [];
  for (const [name, rules] of after.chains) {
    const known = before.chains.get(name);
    if (known === undefined) {
      if (isBaseChain(rules)) return undefined;
      additions.push(...renderChain(after.table, { name, rules }));
    } else if (known.join('\n') !== rules.join('\n')) return undefined;
  }
  const removals: string[] = [];
  for (const [name, rules] of before.chains) {
    if (after.chains.has(name)) continue;
    if (isBaseChain(rules)) return undefined;
    removals.push(`delete chain ${after.table} ${name}`);
  }
  return { additions, removals };
}

/** The elements that the other does not have with the same value. */
function without(elements: ElementMap, other: ElementMap): ElementMap {
  return new Map([...elements].filter(([key, value]) => other.get(key) !== value));
}
