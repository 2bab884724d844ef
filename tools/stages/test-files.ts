import { existsSync, globSync } from 'node:fs';
import { join } from 'node:path';
import { TuttiError } from '../../src/lib/error.ts';
import { layerOf, moduleOf } from '../tidy/source.ts';

const notOurs = /(^|\/)(node_modules|fixtures)\//;

/**
 * The test files below the folders, relative to `root`.
 *
 * @throws {TuttiError} for a folder that is there and has none: the runner would call that a
 *   success.
 */
export function findTestFiles(root: string, folders: readonly string[]): readonly string[] {
  return folders
    .filter((folder) => existsSync(join(root, folder)))
    .flatMap((folder) => {
      const files = globSync(`${folder}/**/*.test.ts`, { cwd: root }).filter(
        (file) => !notOurs.test(file),
      );
      if (files.length > 0) return files.toSorted((a, b) => (a < b ? -1 : 1));
      throw new TuttiError(
        'failed-precondition',
        `${folder}/ has no test: no file *.test.ts in it.`,
      );
    });
}

/** Tests of code that has no clock and no world can share a process, which is many times faster. */
export function canShareProcess(testFile: string): boolean {
  const module = moduleOf(testFile);
  return module !== undefined && layerOf(module)?.kind !== 'real';
}
