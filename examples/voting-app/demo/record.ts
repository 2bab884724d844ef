import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What a demo made outside its directory, to be removed in the end. */
export interface DemoRecord {
  /** Images that the engine did not have before. */
  readonly images: readonly string[];
  /** The file of the password, where the demo wrote it. */
  readonly secretFile?: string;
}

const fileOf = (directory: string) => join(directory, 'demo.json');

/** What a demo that was killed left in the directory; undefined where there was none. */
export function readRecord(directory: string): DemoRecord | undefined {
  const file = fileOf(directory);
  if (!existsSync(file)) return undefined;
  return JSON.parse(readFileSync(file, 'utf8')) as DemoRecord;
}

/** Notes what is made before it is made: it outlives a demo that is killed. */
export function writeRecord(directory: string, record: DemoRecord): DemoRecord {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  writeFileSync(fileOf(directory), `${JSON.stringify(record)}\n`);
  return record;
}
