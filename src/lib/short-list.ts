const longestList = 12;

/** A few of many, for a sentence. */
export function shortList(names: readonly string[]): string {
  const shown = names.slice(0, longestList).join(', ');
  return names.length > longestList ? `${shown}, …` : shown;
}
