const otherSeeds = 40;

/**
 * The seed that finds a planted bug: the one that did last, or another. Where a message is sent a
 * moment earlier, every life is another one, and says nothing against the checks.
 */
export async function seedThatFinds(
  bug: { readonly seed: number },
  isFound: (seed: number) => Promise<boolean>,
): Promise<number | undefined> {
  if (await isFound(bug.seed)) return bug.seed;
  for (let seed = 1; seed <= otherSeeds; seed += 1) if (await isFound(seed)) return seed;
  return undefined;
}
