import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { TuttiError } from '../../src/lib/error.ts';
import { contentHash } from './content-hash.ts';
import { fillLayer } from './fill-layer.ts';
import type { LayerContent } from './layer-content.ts';

/** A layer that lies in the cache as an uncompressed tar archive. */
export interface Layer {
  /** `sha256:…` of the archive: the name that container engines know it by. */
  readonly diffId: string;
  readonly path: string;
  readonly sizeBytes: number;
}

/** To be raised when the code comes to make another archive of the same content. */
const archiveFormat = 1;

/** The name of a layer, known before it is made. */
export function layerKey(content: LayerContent): string {
  return contentHash(JSON.stringify({ archiveFormat, identity: content.identity })).slice(0, 32);
}

export interface MakeLayerOptions {
  readonly cacheDirectory: string;
  readonly report: (line: string) => void;
}

/** Takes a layer from the cache, or makes it there. Equal content makes equal bytes. */
export async function makeLayer(content: LayerContent, options: MakeLayerOptions): Promise<Layer> {
  const key = layerKey(content);
  const path = join(options.cacheDirectory, `${key}.tar`);
  const noteFile = join(options.cacheDirectory, `${key}.json`);
  const known = await readNote(noteFile);
  if (known !== undefined) return { ...known, path };
  options.report(`making a layer: ${content.description}`);
  await mkdir(options.cacheDirectory, { recursive: true });
  const workDirectory = await mkdtemp(join(options.cacheDirectory, 'making-'));
  try {
    const root = join(workDirectory, 'root');
    await mkdir(root, { mode: 0o755 });
    await fillLayer(content, { root, workDirectory });
    const archive = join(workDirectory, 'layer.tar');
    const note = await archiveDirectory(root, archive);
    // The note comes last: a layer without one is not there.
    await rename(archive, path);
    await writeFile(join(workDirectory, 'note.json'), JSON.stringify(note));
    await rename(join(workDirectory, 'note.json'), noteFile);
    return { ...note, path };
  } finally {
    await rm(workDirectory, { recursive: true, force: true });
  }
}

type Note = Omit<Layer, 'path'>;

async function readNote(path: string): Promise<Note | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Note;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw new TuttiError('internal', `${path} cannot be read; delete it.`, { cause: error });
  }
}

/** Everything belongs to root and is as old as time: the bytes depend on nothing else. */
async function archiveDirectory(root: string, archive: string): Promise<Note> {
  const tar = spawn(
    'tar',
    [
      '--create',
      '--file=-',
      '--format=gnu',
      '--sort=name',
      '--mtime=@0',
      '--owner=0',
      '--group=0',
    ].concat(['--numeric-owner', `--directory=${root}`, '.']),
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let complaints = '';
  tar.stderr.on('data', (chunk: Buffer) => {
    complaints += chunk.toString();
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    tar.once('error', reject);
    tar.once('close', resolve);
  });
  const hash = createHash('sha256');
  let sizeBytes = 0;
  const measure = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      sizeBytes += chunk.length;
      done(null, chunk);
    },
  });
  const [code] = await Promise.all([
    ended,
    pipeline(tar.stdout, measure, createWriteStream(archive)),
  ]);
  if (code !== 0) throw new TuttiError('internal', `tar failed: ${complaints.trim()}`);
  return { diffId: `sha256:${hash.digest('hex')}`, sizeBytes };
}
