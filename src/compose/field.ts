import type { Findings } from './findings.ts';
import { parseByteSize, parseDurationMs } from './units.ts';

/** A mapping whose keys are spelled as in the document. */
export type Mapping = Readonly<Record<string, unknown>>;

export function isMapping(value: unknown): value is Mapping {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a mapping';
  return JSON.stringify(value);
}

/**
 * One value of a document with its path. Each reader returns undefined where the value is absent or
 * wrong; wrong ones are reported with path, value and what was expected.
 */
export class Field {
  readonly value: unknown;
  readonly path: string;
  readonly findings: Findings;
  readonly #used = new Set<string>();

  constructor(value: unknown, path: string, findings: Findings) {
    this.value = value;
    this.path = path;
    this.findings = findings;
  }

  get absent(): boolean {
    return this.value === undefined || this.value === null;
  }

  get isList(): boolean {
    return Array.isArray(this.value);
  }

  get isMapping(): boolean {
    return isMapping(this.value);
  }

  fail(message: string): undefined {
    this.findings.error(this.path, message);
    return undefined;
  }

  /** Says that the value, where there is one, changes nothing. */
  warnIgnored(why: string): void {
    if (!this.absent) this.findings.warn(this.path, `ignored: ${why}`);
  }

  #expected(what: string): undefined {
    return this.absent ? undefined : this.fail(`expected ${what}, found ${kindOf(this.value)}`);
  }

  /** The member, marked as understood. */
  at(key: string): Field {
    this.#used.add(key);
    const value = isMapping(this.value) ? this.value[key] : undefined;
    return new Field(value, this.path === '' ? key : `${this.path}.${key}`, this.findings);
  }

  /** Reports members that nothing read; `x-…` members are free. */
  refuseUnknown(): void {
    if (!isMapping(this.value)) return;
    for (const key of Object.keys(this.value)) {
      if (this.#used.has(key) || key.startsWith('x-')) continue;
      const near = [...this.#used].find((known) => isNear(known, key));
      const hint =
        near === undefined ? 'remove it, or prefix it with x-' : `did you mean "${near}"?`;
      this.findings.error(
        `${this.path}${this.path === '' ? '' : '.'}${key}`,
        `unknown key; ${hint}`,
      );
    }
  }

  /** Members in order; a value that is no mapping is reported. */
  members(): readonly (readonly [string, Field])[] {
    if (!isMapping(this.value)) {
      this.#expected('a mapping');
      return [];
    }
    return Object.keys(this.value).map((key) => [key, this.at(key)] as const);
  }

  /** Items in order; a value that is no list is reported. */
  items(): readonly Field[] {
    if (!Array.isArray(this.value)) {
      this.#expected('a list');
      return [];
    }
    return this.value.map(
      (item: unknown, index) => new Field(item, `${this.path}[${index}]`, this.findings),
    );
  }

  /** Strings, and scalars as YAML writes them. */
  string(): string | undefined {
    if (typeof this.value === 'string') return this.value;
    if (typeof this.value === 'number' || typeof this.value === 'boolean')
      return String(this.value);
    return this.#expected('a string');
  }

  number(): number | undefined {
    if (typeof this.value === 'number') return this.value;
    if (typeof this.value === 'string' && this.value.trim() !== '') {
      const parsed = Number(this.value);
      if (Number.isFinite(parsed)) return parsed;
    }
    return this.#expected('a number');
  }

  integer(range: { readonly min: number; readonly max?: number }): number | undefined {
    const value = this.number();
    if (value === undefined) return undefined;
    const max = range.max ?? Number.MAX_SAFE_INTEGER;
    if (Number.isInteger(value) && value >= range.min && value <= max) return value;
    const limits =
      range.max === undefined ? `of at least ${range.min}` : `from ${range.min} to ${max}`;
    return this.fail(`expected a whole number ${limits}, found ${value}`);
  }

  boolean(): boolean | undefined {
    if (typeof this.value === 'boolean') return this.value;
    if (typeof this.value === 'string') {
      if (/^(true|yes|on|1)$/i.test(this.value)) return true;
      if (/^(false|no|off|0)$/i.test(this.value)) return false;
    }
    return this.#expected('true or false');
  }

  durationMs(): number | undefined {
    if (this.absent) return undefined;
    const parsed = parseDurationMs(String(this.value));
    return parsed ?? this.#expected('a duration such as 10s or 1m30s');
  }

  bytes(): number | undefined {
    if (this.absent) return undefined;
    if (typeof this.value === 'number') return this.value;
    const parsed = typeof this.value === 'string' ? parseByteSize(this.value) : undefined;
    return parsed ?? this.#expected('a size such as 64m or 1gb');
  }

  /** A list of strings, or one string alone. */
  strings(): readonly string[] {
    if (typeof this.value === 'string') return [this.value];
    return this.items().flatMap((item) => item.string() ?? []);
  }

  /** One of the words. */
  oneOf<Word extends string>(words: readonly Word[]): Word | undefined {
    const value = this.string();
    if (value === undefined) return undefined;
    const found = words.find((word) => word === value);
    return found ?? this.fail(`expected one of ${words.join(', ')}, found "${value}"`);
  }

  /**
   * `KEY: value` or a list of `KEY=value`. A key without a value is undefined: what that means is
   * the caller's to say.
   */
  pairs(separator = '='): ReadonlyMap<string, string | undefined> {
    const result = new Map<string, string | undefined>();
    if (this.isMapping) {
      for (const [key, member] of this.members()) {
        result.set(key, member.absent ? undefined : member.string());
      }
      return result;
    }
    for (const item of this.items()) {
      const text = item.string();
      if (text === undefined) continue;
      const cut = text.indexOf(separator);
      if (cut < 0) result.set(text, undefined);
      else result.set(text.slice(0, cut), text.slice(cut + separator.length));
    }
    return result;
  }

  /** As `pairs`, where a missing value is the empty string. */
  labels(): Readonly<Record<string, string>> {
    return Object.fromEntries([...this.pairs()].map(([key, value]) => [key, value ?? '']));
  }
}

/** Whether two keys differ by one edit or by `-` for `_`. */
function isNear(known: string, key: string): boolean {
  if (known === key.replaceAll('-', '_')) return true;
  if (Math.abs(known.length - key.length) > 1) return false;
  let start = 0;
  while (start < known.length && known[start] === key[start]) start += 1;
  const rest = (text: string, skip: number): string => text.slice(start + skip);
  return (
    rest(known, 1) === rest(key, 1) ||
    rest(known, 0) === rest(key, 1) ||
    rest(known, 1) === rest(key, 0)
  );
}
