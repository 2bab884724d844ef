import { TuttiError } from '../lib/error.ts';
import { isRecord } from './go-json.ts';

/**
 * Filters of a list, by key. Clients send `{"key":{"value":true}}`, older ones `{"key":["value"]}`
 * (moby api/types/filters).
 */
export type Filters = ReadonlyMap<string, readonly string[]>;

/**
 * @throws TuttiError `invalid-argument` for keys that are not `allowed` and for what is no filter
 * at all.
 */
export function parseFilters(text: string | null, allowed: readonly string[]): Filters {
  const filters = new Map<string, readonly string[]>();
  if (text === null || text === '') return filters;
  for (const [key, values] of Object.entries(parseObject(text))) {
    if (!allowed.includes(key)) {
      throw new TuttiError('invalid-argument', `invalid filter '${key}'`, {
        field: 'filters',
        hint: `Known here: ${allowed.filter((name) => !name.startsWith('_')).join(', ')}.`,
      });
    }
    filters.set(key, parseValues(key, values));
  }
  return filters;
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return malformed(text);
  }
  return isRecord(value) ? value : malformed(text);
}

function parseValues(key: string, values: unknown): readonly string[] {
  if (Array.isArray(values) && values.every((value) => typeof value === 'string')) return values;
  if (isRecord(values) && Object.values(values).every((value) => typeof value === 'boolean')) {
    return Object.entries(values)
      .filter(([, chosen]) => chosen === true)
      .map(([value]) => value);
  }
  throw new TuttiError(
    'invalid-argument',
    `filters.${key}: must be {"value":true} or ["value"], not ${JSON.stringify(values)}`,
    { field: `filters.${key}` },
  );
}

function malformed(text: string): never {
  throw new TuttiError(
    'invalid-argument',
    `filters: must be a JSON object such as {"name":{"web":true}}, not ${text.slice(0, 60)}`,
    { field: 'filters' },
  );
}

/** One of the given values, or no such filter. */
export function matchesAny(
  filters: Filters,
  key: string,
  test: (value: string) => boolean,
): boolean {
  const values = filters.get(key);
  return values === undefined || values.length === 0 || values.some(test);
}

/** All of the given `key` and `key=value`, or no such filter. */
export function matchesLabels(
  filters: Filters,
  key: string,
  labels: Readonly<Record<string, string>>,
): boolean {
  return (filters.get(key) ?? []).every((wanted) => {
    const mark = wanted.indexOf('=');
    if (mark < 0) return Object.hasOwn(labels, wanted);
    return labels[wanted.slice(0, mark)] === wanted.slice(mark + 1);
  });
}

export function matchesPrefix(filters: Filters, key: string, text: string): boolean {
  return matchesAny(filters, key, (value) => text.startsWith(value));
}

/** The one value of `label=key=value`, where a list can be narrowed by an index. */
export function labelValue(filters: Filters, label: string): string | undefined {
  const wanted = (filters.get('label') ?? []).find((one) => one.startsWith(`${label}=`));
  return wanted?.slice(label.length + 1);
}

/** @throws TuttiError `invalid-argument` for a value that is not one of those known. */
export function checkValues(filters: Filters, key: string, known: readonly string[]): void {
  for (const value of filters.get(key) ?? []) {
    if (!known.includes(value)) {
      throw new TuttiError('invalid-argument', `invalid filter '${key}=${value}'`, {
        field: `filters.${key}`,
        hint: `Use one of ${known.join(', ')}.`,
      });
    }
  }
}
