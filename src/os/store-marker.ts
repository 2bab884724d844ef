import { readFile } from 'node:fs/promises';
import { TuttiError } from '../lib/error.ts';
import { replaceFile } from './replace-file.ts';

/**
 * Which store engine a manager's data directory is on. `moving`: a copy to etcd has begun and is
 * worth nothing until the marker says `etcd`; SQLite is what counts.
 */
export type StoreMarker = 'sqlite' | 'moving' | 'etcd';

const known: readonly StoreMarker[] = ['sqlite', 'moving', 'etcd'];

/**
 * A directory without the file is on SQLite.
 *
 * @throws TuttiError `failed-precondition` where the file says nothing that is known.
 */
export async function readStoreMarker(path: string): Promise<StoreMarker> {
  let text: string;
  try {
    text = (await readFile(path, 'utf8')).trim();
  } catch (reason) {
    if (reason instanceof Error && 'code' in reason && reason.code === 'ENOENT') return 'sqlite';
    throw TuttiError.from(reason);
  }
  const marker = known.find((one) => one === text);
  if (marker !== undefined) return marker;
  throw new TuttiError(
    'failed-precondition',
    `${path} says "${text.slice(0, 40)}", which is no store engine`,
    { hint: 'Start the version of Tutti that wrote it.' },
  );
}

/** Durable before it resolves. */
export async function writeStoreMarker(path: string, marker: StoreMarker): Promise<void> {
  await replaceFile(path, `${marker}\n`);
}
