/** Go's `omitempty` for lists and maps: JSON drops what is undefined. */
export function unlessEmpty<T extends object>(value: T): T | undefined {
  return Object.keys(value).length === 0 ? undefined : value;
}

/** Go's `omitempty` for numbers, texts and flags. */
export function unlessZero<T extends number | string | boolean>(value: T): T | undefined {
  return value === 0 || value === '' || value === false ? undefined : value;
}
