import type { FenceHold } from '../host/fence-guard.ts';

/*
 * Daemon and guard, over a Unix socket: lines of JSON. The daemon says a hold with its number, the
 * guard says that number back once it counts.
 */

export interface NumberedHold extends FenceHold {
  readonly number: number;
}

export const holdLine = (hold: NumberedHold): string => `${JSON.stringify(hold)}\n`;

export const receiptLine = (number: number): string => `${JSON.stringify({ number })}\n`;

/** Undefined where it is none: fields that only a newer version knows are passed over. */
export function readHold(line: string): NumberedHold | undefined {
  const { number, taskIds, until } = readObject(line);
  if (typeof number !== 'number' || typeof until !== 'number' || !isTexts(taskIds)) {
    return undefined;
  }
  return { number, taskIds, until };
}

export function readReceipt(line: string): number | undefined {
  const { number } = readObject(line);
  return typeof number === 'number' ? number : undefined;
}

function readObject(line: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    // Who else may write here is root, and says nothing that counts.
    return {};
  }
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
}
