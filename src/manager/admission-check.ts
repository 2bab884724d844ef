import { type ErrorCode, TuttiError } from '../lib/error.ts';
import { parseAddress } from '../lib/ipv4.ts';

/**
 * The small words of admission: each throws a TuttiError that names the field, its value and what
 * to do, or returns. Nothing here knows the store.
 */

export interface Refusal {
  readonly code?: ErrorCode;
  readonly hint?: string;
}

/** Throws; written as a function so that checks read as sentences. */
export function refuse(field: string, message: string, refusal: Refusal = {}): never {
  const { hint } = refusal;
  throw new TuttiError(refusal.code ?? 'invalid-argument', message, {
    field,
    ...(hint === undefined ? {} : { hint }),
  });
}

/** How a value is shown in a message: quoted, and never longer than a line. */
export function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 100 ? `${text.slice(0, 97)}…"` : text;
}

export function checkWholeNumber(
  field: string,
  value: number | undefined,
  range: { readonly minimum: number; readonly maximum?: number },
): void {
  if (value === undefined) return;
  const { minimum, maximum = Number.MAX_SAFE_INTEGER } = range;
  if (Number.isInteger(value) && value >= minimum && value <= maximum) return;
  const upTo = range.maximum === undefined ? 'or more' : `to ${maximum}`;
  refuse(field, `${field} is ${show(value)}; a whole number from ${minimum} ${upTo} is expected`);
}

export function checkDuration(field: string, valueMs: number | undefined): void {
  if (valueMs === undefined) return;
  if (Number.isFinite(valueMs) && valueMs >= 0) return;
  refuse(field, `${field} is ${show(valueMs)} ms; a duration cannot be negative, give 0 or more`);
}

export function checkOneOf(
  field: string,
  value: string | undefined,
  allowed: readonly string[],
): void {
  if (value === undefined || allowed.includes(value)) return;
  refuse(field, `${field} is ${show(value)}; one of ${allowed.join(', ')} is expected`);
}

export function checkText(
  field: string,
  value: string | undefined,
  rule: { readonly pattern: RegExp; readonly expected: string },
): void {
  if (value === undefined || rule.pattern.test(value)) return;
  refuse(field, `${field} is ${show(value)}; ${rule.expected}`);
}

/** Text that reaches a file, an environment or a command line must not hold a NUL. */
export function checkNoNul(field: string, values: readonly string[]): void {
  const bad = values.find((value) => value.includes('\0'));
  if (bad === undefined) return;
  refuse(field, `${field} holds a NUL character in ${show(bad)}; take it out`);
}

export function checkUnique(field: string, keys: readonly string[], what: string): void {
  const seen = new Set<string>();
  for (const key of keys) {
    if (seen.has(key)) {
      refuse(field, `${field} holds the ${what} ${show(key)} twice; each may appear once`);
    }
    seen.add(key);
  }
}

/** Labels are in every reply that shows their object. */
const labelsLimit = 256 * 1024;

export function checkLabels(field: string, labels: Readonly<Record<string, string>>): void {
  let total = 0;
  for (const [key, value] of Object.entries(labels)) {
    total += key.length + value.length;
    if (key === '' || key.length > 1_024) {
      refuse(field, `${field} has the key ${show(key)}; a key has 1 to 1024 characters`);
    }
    checkNoNul(field, [key, value]);
  }
  if (total <= labelsLimit) return;
  refuse(
    field,
    `${field} has ${total} characters in all, at most ${labelsLimit} are allowed; ` +
      'put large content into configs',
  );
}

/** Values that the agent fills in for each task, such as `{{.Task.Slot}}`, are judged there. */
export function isTemplated(value: string): boolean {
  return value.includes('{{');
}

/** Loose on purpose: the container engine judges the rest. */
export function isIpAddress(text: string): boolean {
  return (
    parseAddress(text) !== undefined ||
    (text.includes(':') && /^[0-9A-Fa-f:.]+(%[A-Za-z0-9_.-]+)?$/.test(text))
  );
}
