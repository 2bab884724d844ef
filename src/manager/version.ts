import { TuttiError } from '../lib/error.ts';

/** Refuses a change that was made on an older state than the current one. */
export function checkVersion(row: { readonly version: number }, version: number): void {
  if (row.version === version) return;
  throw new TuttiError('conflict', 'update out of sequence', {
    field: 'version',
    hint: `The version is ${row.version} now, not ${version}: read it again and repeat the change.`,
  });
}
