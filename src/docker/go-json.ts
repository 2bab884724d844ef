import { z } from 'zod';
import { TuttiError } from '../lib/error.ts';

/**
 * Schemas that read JSON as Go's decoder does (keys in any case, null for absent), with one
 * difference on purpose: an unknown key is refused by name instead of being dropped, so that a typo
 * is found.
 */
export function goObject<Shape extends z.ZodRawShape>(
  shape: Shape,
  /** Keys that real clients send and that change nothing here. */
  tolerated: readonly string[] = [],
) {
  const names = new Map(Object.keys(shape).map((name) => [name.toLowerCase(), name]));
  const dropped = new Set(tolerated.map((name) => name.toLowerCase()));
  return z.preprocess((value) => {
    if (!isRecord(value)) return value;
    // fromEntries defines own properties: a key `__proto__` stays a key, and is refused as unknown.
    return Object.fromEntries(
      Object.entries(value)
        .filter(([key, item]) => item !== null && !dropped.has(key.toLowerCase()))
        .map(([key, item]) => [names.get(key.toLowerCase()) ?? key, item]),
    );
  }, z.strictObject(shape));
}

/** A list; null items of Go's pointers are no items. */
export function goList<Item extends z.ZodType>(item: Item, limit = 1_000) {
  return z.array(item).max(limit).optional();
}

export const goText = z.string().max(65_536).optional();

export const goFlag = z.boolean().optional();

export const goStrings = goList(z.string().max(65_536), 10_000);

export const goStringMap = z.record(z.string(), z.string()).optional();

/**
 * A whole number; larger ones than JavaScript counts exactly are refused instead of being rounded.
 */
export const goInteger = z.int().optional();

export const goUnsigned = z.int().nonnegative().optional();

/** Whole nanoseconds, not negative. */
export const goDuration = z.int().nonnegative().optional();

export const goPort = z.int().min(0).max(65_535).optional();

/** Go reads an empty text as an enumeration's zero value: the same as absent. */
export function goEnum<const Values extends readonly [string, ...string[]]>(values: Values) {
  return z.preprocess((value) => (value === '' ? undefined : value), z.enum(values).optional());
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/**
 * Checks a document against its schema.
 * @throws TuttiError `invalid-argument` whose sentence names each field, what it is and what it
 *   should be.
 */
export function checkDocument<Schema extends z.ZodType>(
  schema: Schema,
  document: unknown,
): z.output<Schema> {
  const result = schema.safeParse(document, { reportInput: true });
  if (result.success) return result.data;
  const sentences = result.error.issues.slice(0, issuesShown).map(toSentence);
  const hidden = result.error.issues.length - sentences.length;
  const more = hidden > 0 ? ` (and ${hidden} more)` : '';
  const [first] = result.error.issues;
  const key = first?.code === 'unrecognized_keys' ? first.keys.slice(0, 1) : [];
  const field = pathOf([...(first?.path ?? []), ...key]);
  throw new TuttiError('invalid-argument', `${sentences.join('; ')}${more}`, { field });
}

const issuesShown = 3;

type Issue = z.core.$ZodIssue;

function toSentence(issue: Issue): string {
  const field = pathOf(issue.path);
  switch (issue.code) {
    case 'unrecognized_keys': {
      const names = issue.keys.map((key) => pathOf([...issue.path, key]));
      return `${names.join(', ')}: unknown ${names.length === 1 ? 'key' : 'keys'}`;
    }
    case 'invalid_type':
      return `${field}: must be ${article(issue.expected)}, not ${describe(issue.input)}`;
    case 'invalid_value':
      return (
        `${field}: must be one of ${issue.values.map(String).join(', ')}, ` +
        `not ${describe(issue.input)}`
      );
    case 'too_small':
      return `${field}: must be at least ${String(issue.minimum)}, not ${describe(issue.input)}`;
    case 'too_big':
      return `${field}: must be at most ${String(issue.maximum)}, not ${describe(issue.input)}`;
    case 'custom':
      return `${field}: ${issue.message}`;
    case 'invalid_element':
    case 'invalid_format':
    case 'invalid_key':
    case 'invalid_union':
    case 'not_multiple_of':
      return `${field}: ${describe(issue.input)} is not acceptable (${issue.message})`;
  }
}

function article(expected: string): string {
  switch (expected) {
    case 'int':
      return 'a whole number';
    case 'array':
      return 'a list';
    case 'object':
    case 'record':
      return 'an object';
    case 'boolean':
      return 'true or false';
    default:
      return `a ${expected}`;
  }
}

const shownLength = 60;

function describe(input: unknown): string {
  if (Array.isArray(input)) return 'a list';
  if (isRecord(input)) return 'an object';
  if (input === undefined) return 'absent';
  const text = JSON.stringify(input);
  return text.length > shownLength ? `${text.slice(0, shownLength)}…` : text;
}

/** `TaskTemplate.ContainerSpec.Mounts[0].Type`; the document itself is `body`. */
export function pathOf(path: readonly PropertyKey[]): string {
  if (path.length === 0) return 'body';
  let text = '';
  for (const part of path) {
    if (typeof part === 'number') text += `[${part}]`;
    else text += text === '' ? String(part) : `.${String(part)}`;
  }
  return text;
}
