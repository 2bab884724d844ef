import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { contentHash } from './content-hash.ts';
import { resolvePackages } from './debian-packages.ts';
import type { DebianPackage } from './debian-packages.ts';
import type { LayerRecipe } from './layer-recipe.ts';

/** A recipe together with everything that decides what comes out of it. */
export interface LayerContent {
  readonly recipe: LayerRecipe;
  /** The packages of a recipe of kind `packages`, with versions. */
  readonly packages: readonly DebianPackage[];
  /** Two contents with the same identity make the same layer. */
  readonly identity: unknown;
  /** For people. */
  readonly description: string;
}

export interface DescribeOptions {
  readonly cacheDirectory: string;
  readonly report: (line: string) => void;
}

/** Finds out what a recipe means on this machine today, without making it. */
export async function describeLayer(
  recipe: LayerRecipe,
  options: DescribeOptions,
): Promise<LayerContent> {
  switch (recipe.kind) {
    case 'packages': {
      const present =
        recipe.below.length === 0
          ? []
          : await resolvePackages({ ...options, wanted: recipe.below, present: [] });
      const packages = await resolvePackages({ ...options, wanted: recipe.packages, present });
      const description = `${recipe.packages.join(', ')} (${packages.length} packages)`;
      return { recipe, packages, identity: { packages, leftOut: recipe.leftOut }, description };
    }
    case 'node-modules': {
      const lock = await readFile(join(recipe.directory, 'package-lock.json'), 'utf8');
      const identity = { lock: contentHash(lock), path: recipe.path, cpu: process.arch };
      return { recipe, packages: [], identity, description: 'the npm packages of the programs' };
    }
    case 'entries': {
      const identity = await Promise.all(
        recipe.entries.map(async (entry) =>
          entry.kind === 'copy'
            ? { path: entry.path, mode: entry.mode, content: await identify(entry) }
            : entry,
        ),
      );
      return { recipe, packages: [], identity, description: recipe.what };
    }
  }
}

async function identify(entry: { readonly from: string; readonly identity?: string }) {
  return entry.identity ?? contentHash(await readFile(entry.from));
}
