import { elementsOf, type Ruleset } from './ruleset.ts';

/** A table as the kernel has it, read from `nft --stateless --numeric-protocol list table`. */
export interface Listing {
  /** The rules of each chain as `nft` words them, one a line. */
  readonly chains: ReadonlyMap<string, readonly string[]>;
  /** Elements of each map and set: `key : value`, or the key. */
  readonly collections: ReadonlyMap<string, ReadonlySet<string>>;
  /** What the table has besides: flags, other objects. */
  readonly others: readonly string[];
}

const opening = /^\t(chain|map|set) (\S+) \{$/;
/** Where the table begins and ends. */
const ownLines = /^(table .*|\}|\s*)$/;
const elementsOpening = 'elements = {';
const protocolNumbers: Readonly<Record<string, string>> = { tcp: '6', udp: '17', sctp: '132' };

/** Reads what `nft` prints of one table. Lines that it does not know are rules of their chain. */
export function parseListing(text: string): Listing {
  const chains = new Map<string, readonly string[]>();
  const collections = new Map<string, ReadonlySet<string>>();
  const others: string[] = [];
  let block: { readonly kind: string; readonly name: string; readonly lines: string[] } | undefined;
  for (const line of text.split('\n')) {
    const [, kind, name] = opening.exec(line) ?? [];
    if (kind !== undefined && name !== undefined) block = { kind, name, lines: [] };
    else if (block === undefined) {
      if (!ownLines.test(line)) others.push(line.trim());
    } else if (line !== '\t}') block.lines.push(line.trim());
    else {
      if (block.kind === 'chain') chains.set(block.name, block.lines);
      else collections.set(block.name, parseElements(block.lines));
      block = undefined;
    }
  }
  return { chains, collections, others };
}

function parseElements(lines: readonly string[]): ReadonlySet<string> {
  const text = lines.join(' ');
  const start = text.indexOf(elementsOpening);
  if (start < 0) return new Set();
  const list = text.slice(start + elementsOpening.length, text.lastIndexOf('}'));
  return new Set(list.split(',').map((element) => element.trim()));
}

/**
 * Where the kernel's table differs from the one that was loaded, in words; empty when it does not.
 * How `nft` words a rule depends on its version, so the rules of a chain are compared by their
 * number, and with `knownChains`: what was seen of each right after it was loaded.
 */
export function driftOf(
  listing: Listing,
  loaded: { readonly ruleset: Ruleset; readonly knownChains: Listing['chains'] },
): readonly string[] {
  const { ruleset } = loaded;
  const drift = [...driftOfRules(listing, loaded)];
  for (const [name, { kind }] of ruleset.collections) {
    const found = listing.collections.get(name);
    if (found === undefined) continue;
    const expected = new Set(
      [...elementsOf(ruleset, name)].map(([key, value]) => asListed(key, value)),
    );
    if (expected.size !== found.size || !expected.isSubsetOf(found)) {
      drift.push(`${kind} ${name} has other elements`);
    }
  }
  return drift;
}

/** The same, where the listing is without elements. */
export function driftOfRules(
  listing: Listing,
  loaded: { readonly ruleset: Ruleset; readonly knownChains: Listing['chains'] },
): readonly string[] {
  const { ruleset, knownChains } = loaded;
  const drift = listing.others.map((line) => `"${line}" is not ours`);
  for (const [name, rules] of ruleset.chains) {
    const found = listing.chains.get(name);
    const known = knownChains.get(name);
    if (found === undefined) drift.push(`chain ${name} is gone`);
    else if (found.length !== rules.length) drift.push(`chain ${name} has other rules`);
    else if (known !== undefined && known.join('\n') !== found.join('\n')) {
      drift.push(`chain ${name} has other rules`);
    }
  }
  for (const name of listing.chains.keys()) {
    if (!ruleset.chains.has(name)) drift.push(`chain ${name} is not ours`);
  }
  for (const [name, { kind }] of ruleset.collections) {
    if (!listing.collections.has(name)) drift.push(`${kind} ${name} is gone`);
  }
  return drift;
}

/** An element as `nft` prints it with protocols as numbers. */
function asListed(key: string, value: string): string {
  const [first = '', ...rest] = key.split(' ');
  const listedKey = [protocolNumbers[first] ?? first, ...rest].join(' ');
  return value === '' ? listedKey : `${listedKey} : ${value}`;
}

/** Chains that a listing shows now and whose rules are taken for what was loaded. */
export function chainsToKnow(
  listing: Listing,
  loaded: { readonly ruleset: Ruleset; readonly knownChains: Listing['chains'] },
): Listing['chains'] {
  return new Map(
    [...listing.chains]
      .filter(([name]) => loaded.ruleset.chains.has(name))
      .map(([name, rules]) => [name, loaded.knownChains.get(name) ?? rules]),
  );
}
