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
}

export interface Collection {
  readonly kind: 'map' | 'set';
  /** `typeof iifname . ip daddr : verdict`. */
  readonly type: string;
  /** Value by key; the empty string in sets. */
  readonly elements: ReadonlyMap<string, string>;
}

/** A script that makes the table be exactly this, whatever is there; one transaction. */
export function renderWhole(ruleset: Ruleset): string {
  const { table } = ruleset;
  const lines = [`add table ${table}`, `delete table ${table}`, `add table ${table}`];
  for (const [name, collection] of ruleset.collections) {
    lines.push(`add ${collection.kind} ${table} ${name} { ${collection.type}; }`);
  }
  for (const [name, rules] of ruleset.chains) lines.push(...renderChain(table, { name, rules }));
  for (const [name, { elements }] of ruleset.collections) {
    if (elements.size > 0) lines.push(renderAddition({ table, name, elements }));
  }
  return `${lines.join('\n')}\n`;
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
  readonly elements: ReadonlyMap<string, string>;
}

function renderAddition({ table, name, elements }: ElementsOf): string {
  const list = [...elements].map(([key, value]) => (value === '' ? key : `${key} : ${value}`));
  return `add element ${table} ${name} { ${list.join(', ')} }`;
}

function renderRemoval({ table, name, elements }: ElementsOf): string {
  return `delete element ${table} ${name} { ${[...elements.keys()].join(', ')} }`;
}

/**
 * A script that turns one table into the other, one transaction; empty when they are the same,
 * undefined when more differs than elements and the chains that elements lead to, and the whole has
 * to be loaded.
 */
export function renderDifference(before: Ruleset, after: Ruleset): string | undefined {
  if (before.table !== after.table) return undefined;
  const chains = chainDifference(before, after);
  if (chains === undefined || before.collections.size !== after.collections.size) return undefined;
  const removals: string[] = [];
  const additions: string[] = [];
  for (const [name, collection] of after.collections) {
    const known = before.collections.get(name);
    if (known?.type !== collection.type) return undefined;
    const target = { table: after.table, name };
    const gone = without(known.elements, collection.elements);
    const come = without(collection.elements, known.elements);
    if (gone.size > 0) removals.push(renderRemoval({ ...target, elements: gone }));
    if (come.size > 0) additions.push(renderAddition({ ...target, elements: come }));
  }
  // An element stands between the chain that it leads to being made and being removed.
  const all = [...chains.additions, ...removals, ...additions, ...chains.removals];
  return all.length === 0 ? '' : `${all.join('\n')}\n`;
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
function without(
  elements: ReadonlyMap<string, string>,
  other: ReadonlyMap<string, string>,
): ReadonlyMap<string, string> {
  return new Map([...elements].filter(([key, value]) => other.get(key) !== value));
}
