import { TuttiError } from '../lib/error.ts';
import type { Environment } from './interpolate.ts';
import { interpolate } from './interpolate.ts';

const assignment = /^\s*(?:export\s+)?([A-Za-z_][\w.-]*)\s*(?:=[ \t]*(.*))?$/;

/**
 * Reads `NAME=value` lines: comments, `export`, single quotes (literal), double quotes (escapes,
 * several lines), and interpolation of unquoted and double-quoted values from earlier lines and
 * `environment`. A name without `=` takes its value from `environment`, and is left out where there
 * is none. Source: compose-spec "env_file format".
 *
 * @throws TuttiError `invalid-argument` naming file and line.
 */
export function parseEnvFile(
  text: string,
  options: {
    readonly fileName: string;
    readonly environment: Environment;
    /** Values are taken as they stand: no quotes, no variables. */
    readonly isRaw?: boolean;
  },
): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  const lines = text.split(/\r?\n/);
  for (let index = 0; index < lines.length; index += 1) {
    const line = lines[index] ?? '';
    if (/^\s*(#|$)/.test(line)) continue;
    const where = `${options.fileName}:${index + 1}`;
    const match = assignment.exec(line);
    if (match === null) {
      throw new TuttiError('invalid-argument', `${where}: expected NAME=value, found "${line}"`);
    }
    const name = match[1] ?? '';
    if (match[2] === undefined) {
      const inherited = options.environment[name];
      if (inherited !== undefined) values.set(name, inherited);
      continue;
    }
    if (options.isRaw === true) {
      values.set(name, match[2]);
      continue;
    }
    const { raw, quote, extraLines } = readValue(match[2], { lines, index, where });
    index += extraLines;
    const scope = { ...options.environment, ...Object.fromEntries(values) };
    values.set(name, quote === "'" ? raw : interpolate(raw, scope).text);
  }
  return values;
}

interface RawValue {
  readonly raw: string;
  readonly quote: string;
  readonly extraLines: number;
}

function readValue(
  rest: string,
  at: { readonly lines: readonly string[]; readonly index: number; readonly where: string },
): RawValue {
  const quote = rest[0] === '"' || rest[0] === "'" ? rest[0] : '';
  if (quote === '') {
    return { raw: rest.replace(/\s+#.*$/, '').trim(), quote, extraLines: 0 };
  }
  let body = rest.slice(1);
  let extraLines = 0;
  let end = closingQuote(body, quote);
  while (end < 0) {
    extraLines += 1;
    const next = at.lines[at.index + extraLines];
    if (next === undefined) {
      throw new TuttiError('invalid-argument', `${at.where}: the ${quote} quote is never closed`);
    }
    body += `\n${next}`;
    end = closingQuote(body, quote);
  }
  const inner = body.slice(0, end);
  return { raw: quote === '"' ? unescape(inner) : inner, quote, extraLines };
}

function closingQuote(body: string, quote: string): number {
  for (let index = 0; index < body.length; index += 1) {
    if (quote === '"' && body[index] === '\\') index += 1;
    else if (body[index] === quote) return index;
  }
  return -1;
}

const escapes: Readonly<Record<string, string>> = {
  n: '\n',
  r: '\r',
  t: '\t',
  '"': '"',
  '\\': '\\',
};

function unescape(text: string): string {
  return text.replace(/\\(.)/gs, (whole, character: string) =>
    character === '$' ? '$$' : (escapes[character] ?? whole),
  );
}
