import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { LayeredMap } from '../lib/layered-map.ts';
import {
  renderDifference,
  renderWhole,
  type Collection,
  type Elements,
  type Part,
  type Ruleset,
  type Source,
} from './ruleset.ts';

/** What the kernel would hold: rules by chain, elements by map or set. */
interface Loaded {
  readonly chains: Map<string, string[]>;
  readonly collections: Map<string, Map<string, string>>;
}

/** Reads scripts as nftables does, and refuses what it refuses. */
class Kernel {
  #table: Loaded | undefined;

  load(script: string): this {
    for (const line of script.split('\n').filter((one) => one !== '')) this.#run(line);
    return this;
  }

  /** With elements and chains in one order. */
  get table() {
    const { chains, collections } = this.#require();
    const sorted = <T>(items: Map<string, T>) =>
      new Map([...items].toSorted(([left], [right]) => (left < right ? -1 : 1)));
    return {
      chains: sorted(chains),
      collections: sorted(new Map([...collections].map(([name, all]) => [name, sorted(all)]))),
    };
  }

  #require(): Loaded {
    assert.ok(this.#table, 'there is no table');
    return this.#table;
  }

  #run(line: string): void {
    const match = /^(add|delete) (\w+) ip tutti ?(\S*) ?(.*)$/.exec(line);
    assert.ok(match, `not understood: ${line}`);
    const [, action, kind, name = '', rest = ''] = match;
    switch (`${action} ${kind}`) {
      case 'add table':
        this.#table ??= { chains: new Map(), collections: new Map() };
        return;
      case 'delete table':
        this.#require();
        this.#table = undefined;
        return;
      case 'add chain':
        this.#require().chains.set(name, rest === '' ? [] : [rest]);
        return;
      case 'add rule':
        this.#chain(name).push(rest);
        return;
      case 'delete chain': {
        const isLedTo = [...this.#require().collections.values()].some((all) =>
          [...all.values()].includes(`goto ${name}`),
        );
        assert.ok(!isLedTo, `${name} is still led to`);
        this.#chain(name);
        this.#require().chains.delete(name);
        return;
      }
      case 'add map':
      case 'add set':
        this.#require().collections.set(name, new Map());
        return;
      case 'add element':
        return this.#elements({ name, rest, change: (all, one) => this.#add(all, one) });
      case 'delete element':
        return this.#elements({
          name,
          rest,
          change: (all, [key]) => assert.ok(all.delete(key), `no ${key} in ${name}`),
        });
      default:
        assert.fail(`not understood: ${line}`);
    }
  }

  #chain(name: string): string[] {
    const chain = this.#require().chains.get(name);
    assert.ok(chain, `no chain ${name}`);
    return chain;
  }

  #add(all: Map<string, string>, [key, value]: readonly [string, string]): void {
    const known = all.get(key);
    assert.ok(known === undefined || known === value, `${key} is there with another value`);
    if (value.startsWith('goto ')) this.#chain(value.slice('goto '.length));
    all.set(key, value);
  }

  #elements(order: {
    readonly name: string;
    readonly rest: string;
    readonly change: (all: Map<string, string>, element: readonly [string, string]) => void;
  }): void {
    const all = this.#require().collections.get(order.name);
    assert.ok(all, `no map or set ${order.name}`);
    for (const element of order.rest.slice(2, -2).split(', ')) {
      const [key = '', value = ''] = element.split(' : ');
      order.change(all, [key, value]);
    }
  }
}

/** Parts of one content are one object, as those are of which nothing changed. */
function partOf(part: Readonly<Record<string, Elements>>): { readonly part: Part } {
  const key = JSON.stringify(Object.entries(part).map(([name, elements]) => [name, ...elements]));
  const known = knownParts.get(key) ?? { part };
  knownParts.set(key, known);
  return known;
}

const knownParts = new Map<string, { readonly part: Part }>();

function collection(kind: 'map' | 'set'): Collection {
  return { kind, type: kind === 'map' ? 'typeof ip daddr : verdict' : 'typeof ip daddr' };
}

type Pairs = readonly (readonly [string, string])[];

/** Two sources, of which each has a part for each half of the elements. */
function sourcesOf(vip: Pairs, own: Pairs): readonly Source[] {
  const halves = (pairs: Pairs): readonly [Elements, Elements] => [
    new Map(pairs.slice(0, pairs.length / 2)),
    new Map(pairs.slice(pairs.length / 2)),
  ];
  const [firstVip, lastVip] = halves(vip);
  const [firstOwn, lastOwn] = halves(own);
  return [
    new Map([['both', partOf({ vip: firstVip, own: firstOwn })]]),
    new LayeredMap([
      ['vip', partOf({ vip: lastVip })] as const,
      ['own', partOf({ own: lastOwn })] as const,
      ...(own.length > 2 ? [['nothing', partOf({ absent: firstOwn })] as const] : []),
    ]),
  ];
}

const hook: readonly [string, readonly string[]] = [
  'prerouting',
  ['type nat hook prerouting priority -105; policy accept;', 'ip daddr vmap @vip'],
];

/** Chains `vip-1` to `vip-N`, and a map whose elements lead to them. */
const anyRuleset: fc.Arbitrary<Ruleset> = fc.nat({ max: 4 }).chain((count) => {
  const key = fc.nat({ max: 9 }).map((last) => `10.0.0.${last}`);
  const chains = Array.from({ length: count + 1 }, (_, at) => at + 1);
  const verdict = fc.constantFrom(...chains.map((at) => `goto vip-${at}`));
  const pairs = <T>(value: fc.Arbitrary<T>) =>
    fc.uniqueArray(fc.tuple(key, value), { selector: ([one]) => one, maxLength: 8 });
  return fc.tuple(pairs(verdict), pairs(fc.constant(''))).map(
    ([vip, own]): Ruleset => ({
      table: 'ip tutti',
      chains: new Map([
        ...chains.map((at) => [`vip-${at}`, [`dnat to numgen random mod ${at}`]] as const),
        hook,
      ]),
      collections: new Map([
        ['vip', collection('map')],
        ['own', collection('set')],
      ]),
      sources: sourcesOf(vip, own),
    }),
  );
});

test('a difference brings the kernel to where loading the whole would', () => {
  fc.assert(
    fc.property(fc.array(anyRuleset, { minLength: 2, maxLength: 5 }), (rulesets) => {
      const kernel = new Kernel();
      let before: Ruleset | undefined;
      for (const ruleset of rulesets) {
        const script = before === undefined ? undefined : renderDifference(before, ruleset);
        kernel.load(script ?? renderWhole(ruleset));
        const whole = new Kernel().load(renderWhole(ruleset)).table;
        assert.deepEqual(kernel.table, whole);
        before = ruleset;
      }
    }),
  );
});

test('loading the whole takes away whatever was there', () => {
  const one: Ruleset = {
    table: 'ip tutti',
    chains: new Map([hook]),
    collections: new Map([['vip', collection('map')]]),
    sources: [],
  };
  const kernel = new Kernel().load('add table ip tutti\nadd chain ip tutti strange');
  kernel.load(renderWhole(one));
  assert.deepEqual([...kernel.table.chains.keys()], ['prerouting']);
});

test('what elements cannot express asks for the whole', () => {
  const chains = new Map([hook]);
  const collections = new Map([['vip', collection('map')]]);
  const one: Ruleset = { table: 'ip tutti', chains, collections, sources: [] };
  const otherRule = new Map([['prerouting', [...hook[1], 'drop']]]);
  const otherType = new Map([['vip', collection('set')]]);
  const furtherHook = new Map([
    ...chains,
    ['input', ['type filter hook input priority 0;']] as const,
  ]);
  assert.equal(renderDifference(one, { ...one, chains: otherRule }), undefined);
  assert.equal(renderDifference(one, { ...one, chains: furtherHook }), undefined);
  assert.equal(renderDifference(one, { ...one, collections: otherType }), undefined);
});
