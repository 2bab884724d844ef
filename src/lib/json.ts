/** What JSON can hold. */
export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [key: string]: Json };

/**
 * Whether two plain values (JSON shaped, `undefined` properties count as absent) say the same,
 * whatever the order of their keys.
 */
export function sameJson(left: unknown, right: unknown): boolean {
  if (left === right) return true;
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null) {
    return false;
  }
  if (Array.isArray(left) || Array.isArray(right)) {
    if (!Array.isArray(left) || !Array.isArray(right) || left.length !== right.length) return false;
    return left.every((item, index) => sameJson(item, right[index]));
  }
  const leftEntries = Object.entries(left).filter(([, value]) => value !== undefined);
  const rightMap = new Map(Object.entries(right).filter(([, value]) => value !== undefined));
  if (leftEntries.length !== rightMap.size) return false;
  return leftEntries.every(
    ([key, value]) => rightMap.has(key) && sameJson(value, rightMap.get(key)),
  );
}
