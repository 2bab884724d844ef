import { isMapping, type Mapping } from './field.ts';
import { Override, Reset } from './parse.ts';

/**
 * Keys whose lists or mappings say the same thing, so both sides become a mapping before they join.
 */
const pairKeys = new Set([
  'environment',
  'labels',
  'annotations',
  'sysctls',
  'extra_hosts',
  'args',
]);
/** Sequences that the later document replaces instead of extending. */
const replacedKeys = new Set(['command', 'entrypoint', 'test']);
/** Sequences of things that are told apart by where they are mounted. */
const targetKeys = new Set(['volumes', 'secrets', 'configs', 'devices']);

/**
 * Lays one document over another: mappings join, sequences append, scalars replace, with the
 * exceptions that the compose-spec lists under "Merge and override".
 */
export function mergeValues(base: unknown, over: unknown, key = ''): unknown {
  if (over instanceof Reset) return undefined;
  if (over instanceof Override) return strip(over.value);
  if (over === null || over === undefined) return base;
  if (base === undefined || base === null) return strip(over);
  if (pairKeys.has(key)) return { ...asPairs(base), ...asPairs(strip(over)) };
  if (key === 'depends_on' || key === 'networks')
    return mergeMappings(asNamed(base), asNamed(over));
  if (Array.isArray(base) && Array.isArray(over)) return mergeLists(base, over, key);
  if (isMapping(base) && isMapping(over)) return mergeMappings(base, over);
  return strip(over);
}

function mergeMappings(base: Mapping, over: Mapping): Mapping {
  const result: Record<string, unknown> = { ...base };
  for (const [key, value] of Object.entries(over)) {
    const merged = mergeValues(base[key], value, key);
    if (merged === undefined) delete result[key];
    else result[key] = merged;
  }
  return result;
}

function mergeLists(base: readonly unknown[], over: readonly unknown[], key: string): unknown {
  if (replacedKeys.has(key)) return strip(over);
  const added = over.map(strip);
  if (!targetKeys.has(key)) {
    const seen = new Set(base.map((item) => JSON.stringify(item)));
    return [...base, ...added.filter((item) => !seen.has(JSON.stringify(item)))];
  }
  const replaced = new Set(added.map(targetOf));
  return [...base.filter((item) => !replaced.has(targetOf(item))), ...added];
}

/** The path in the container of a volume, secret, config or device in short or long form. */
function targetOf(item: unknown): string {
  if (isMapping(item)) return JSON.stringify(item['target'] ?? item['source'] ?? item);
  const parts = String(item).split(':');
  return JSON.stringify(parts[1] ?? parts[0]);
}

function asPairs(value: unknown): Record<string, unknown> {
  if (isMapping(value)) return { ...value };
  const items: readonly unknown[] = Array.isArray(value) ? value : [];
  return Object.fromEntries(
    items.map((item) => {
      const text = String(item);
      const cut = text.search(/[=:]/);
      return cut < 0 ? [text, null] : [text.slice(0, cut), text.slice(cut + 1)];
    }),
  );
}

function asNamed(value: unknown): Mapping {
  if (isMapping(value)) return value;
  const items: readonly unknown[] = Array.isArray(value) ? value : [];
  return Object.fromEntries(items.map((item) => [String(item), null]));
}

/** Takes the merge marks out of a value that nothing lies under. */
export function strip(value: unknown): unknown {
  if (value instanceof Override) return strip(value.value);
  if (Array.isArray(value)) return value.filter((item) => !(item instanceof Reset)).map(strip);
  if (!isMapping(value)) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, member]) => !(member instanceof Reset))
      .map(([key, member]) => [key, strip(member)]),
  );
}
