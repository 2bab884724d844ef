import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { TuttiError } from '../../src/lib/error.ts';
import { repositoryRoot } from '../root.ts';
import { takeLock } from './lock.ts';

const slots = [0, 1, 2, 3, 4, 5, 6, 7];
const slotsDirectory = join(repositoryRoot, '.cache/engine');

/** The directories of one container engine, which no other process uses meanwhile. */
export interface EngineSlot extends Disposable {
  /** Kept between runs: images are loaded once. */
  readonly directory: string;
  readonly runDirectory: string;
}

/** Takes the first free slot of this clone. */
export async function takeSlot(): Promise<EngineSlot> {
  for (const slot of slots) {
    const directory = join(slotsDirectory, String(slot));
    const lock = await takeLock(`${directory}.lock`);
    if (lock === undefined) continue;
    return {
      directory,
      runDirectory: runDirectoryOf(directory),
      [Symbol.dispose]: () => lock[Symbol.dispose](),
    };
  }
  throw new TuttiError('resource-exhausted', `${slots.length} container engines run already.`, {
    hint: 'Wait until other runs of this clone have ended.',
  });
}

/** Where an engine's sockets and process state stand: short, and gone with the next boot. */
export function runDirectoryOf(directory: string): string {
  const hash = createHash('sha256').update(directory).digest('hex').slice(0, 12);
  return join('/run', `tutti-engine-${hash}`);
}
