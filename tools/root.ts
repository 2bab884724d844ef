import { join } from 'node:path';

/** Where the repository stands. */
export const repositoryRoot = join(import.meta.dirname, '..');
