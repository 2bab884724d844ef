import { isMap, isPair, isScalar, isSeq, LineCounter, parseDocument, type ScalarTag } from 'yaml';
import { TuttiError } from '../lib/error.ts';
import { isMapping, type Mapping } from './field.ts';
import type { Findings } from './findings.ts';
import { type Environment, interpolate } from './interpolate.ts';

/**
 * Marks a value that takes the place of what it is merged over instead of joining it (`!override`).
 */
export class Override {
  readonly value: unknown;

  constructor(value: unknown) {
    this.value = value;
  }
}

/** Marks a value that removes what it is merged over (`!reset`). */
export class Reset {
  readonly kind = 'reset';
}

const maxAliases = 10_000;

/** `0400` is octal, as every Compose implementation reads it (YAML 1.1). */
const oldOctal: ScalarTag = {
  tag: 'tag:yaml.org,2002:int',
  default: true,
  test: /^0[0-7]+$/,
  resolve: (text) => Number.parseInt(text, 8),
};

/** Whole numbers that a JavaScript number cannot hold stay as they are written: ids, mostly. */
const largeInteger: ScalarTag = {
  tag: 'tag:yaml.org,2002:int',
  default: true,
  test: /^[-+]?[1-9]\d{15,}$/,
  resolve: (text) => text,
};

/**
 * Reads a YAML document into plain values and replaces its variables. Line numbers are in the
 * errors.
 *
 * @throws TuttiError `invalid-argument` when the text is no YAML mapping.
 */
export function parseDocumentText(
  text: string,
  options: {
    readonly fileName: string;
    readonly environment: Environment;
    readonly findings: Findings;
  },
): Mapping {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, {
    merge: true,
    lineCounter,
    uniqueKeys: true,
    logLevel: 'error',
    customTags: (tags) => [
      oldOctal,
      largeInteger,
      ...tags,
      ...(['!reset', '!override'] as const).map(plainTag),
    ],
  });
  const problem = document.errors[0];
  if (problem !== undefined) {
    const line = problem.linePos?.[0].line ?? 1;
    const sentence = problem.message.split('\n')[0] ?? problem.message;
    throw new TuttiError('invalid-argument', `${options.fileName}:${line}: ${sentence}`);
  }
  const tagged = collectTags(document.contents);
  const plain: unknown = toPlain(document, options.fileName);
  if (!isMapping(plain)) {
    throw new TuttiError(
      'invalid-argument',
      `${options.fileName}: expected a mapping with "services"`,
    );
  }
  const expanded = expand(plain, { ...options, path: '' });
  return mark(expanded, { tagged, path: '' }) as Mapping;
}

function toPlain(document: ReturnType<typeof parseDocument>, fileName: string): unknown {
  try {
    return document.toJS({ maxAliasCount: maxAliases });
  } catch (error) {
    throw new TuttiError('invalid-argument', `${fileName}: ${TuttiError.from(error).message}`, {
      cause: error,
    });
  }
}

/** Lets the parser accept the tag; `collectTags` sees it. */
function plainTag(tag: string): ScalarTag {
  return { tag, resolve: (text: string) => text };
}

function collectTags(contents: unknown): ReadonlyMap<string, string> {
  const tagged = new Map<string, string>();
  const walk = (node: unknown, path: string): void => {
    if (typeof node !== 'object' || node === null) return;
    const tag = 'tag' in node ? node.tag : undefined;
    if (tag === '!reset' || tag === '!override') tagged.set(path, tag);
    if (isMap(node)) {
      for (const pair of node.items) {
        if (isPair(pair) && isScalar(pair.key))
          walk(pair.value, `${path}/${String(pair.key.value)}`);
      }
    } else if (isSeq(node)) {
      for (const [index, item] of node.items.entries()) walk(item, `${path}/${index}`);
    }
  };
  walk(contents, '');
  return tagged;
}

function mark(
  value: unknown,
  at: { readonly tagged: ReadonlyMap<string, string>; readonly path: string },
): unknown {
  if (at.tagged.size === 0) return value;
  const tag = at.tagged.get(at.path);
  if (tag === '!reset') return new Reset();
  const inner = mapMembers(value, (member, key) =>
    mark(member, { tagged: at.tagged, path: `${at.path}/${key}` }),
  );
  return tag === '!override' ? new Override(inner) : inner;
}

function expand(
  value: unknown,
  at: {
    readonly path: string;
    readonly environment: Environment;
    readonly findings: Findings;
  },
): unknown {
  if (typeof value === 'string') return expandText(value, at);
  const isList = Array.isArray(value);
  return mapMembers(value, (member, key) => {
    const path = isList ? `${at.path}[${key}]` : at.path === '' ? key : `${at.path}.${key}`;
    return expand(member, { ...at, path });
  });
}

function expandText(
  text: string,
  at: {
    readonly path: string;
    readonly environment: Environment;
    readonly findings: Findings;
  },
): string {
  if (!text.includes('$')) return text;
  try {
    const result = interpolate(text, at.environment);
    // What stands under x-… is told where it is used.
    if (!at.path.startsWith('x-')) {
      for (const name of result.unset) at.findings.unset(at.path, name);
    }
    return result.text;
  } catch (error) {
    const { message, hint } = TuttiError.from(error);
    at.findings.error(at.path, hint === undefined ? message : `${message}. ${hint}`);
    return text;
  }
}

function mapMembers(value: unknown, change: (member: unknown, key: string) => unknown): unknown {
  if (Array.isArray(value)) return value.map((item: unknown, index) => change(item, String(index)));
  if (!isMapping(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, member]) => [key, change(member, key)]),
  );
}
