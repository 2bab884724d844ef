import { cpSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { repositoryRoot } from '../root.ts';

const fixtures = join(repositoryRoot, 'tools/fixtures');
/** What the gates read: a planted repository has the very same settings. */
const settings = ['.gitignore', '.oxlintrc.json', 'biome.json', 'knip.json', 'tsconfig.json'];

/** A small repository that passes every gate, with a fault planted in it. */
export interface PlantedRepository extends Disposable {
  readonly directory: string;
}

/** `fault` is a folder of `tools/fixtures/` such as `lint/any`; none is planted without it. */
export function plantRepository(fault?: string): PlantedRepository {
  const directory = mkdtempSync(join(tmpdir(), 'tutti-planted-'));
  for (const name of settings) cpSync(join(repositoryRoot, name), join(directory, name));
  cpSync(join(fixtures, 'clean'), directory, { recursive: true });
  if (fault !== undefined) cpSync(join(fixtures, fault), directory, { recursive: true });
  symlinkSync(join(repositoryRoot, 'node_modules'), join(directory, 'node_modules'));
  return {
    directory,
    [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
  };
}

/** The names of the planted faults for one gate, so that none is forgotten. */
export function plantedFaults(gate: string): readonly string[] {
  return readdirSync(join(fixtures, gate)).toSorted((a, b) => (a < b ? -1 : 1));
}
