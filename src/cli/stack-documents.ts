import { createReadStream, existsSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { parseEnvFile } from '../compose/env-file.ts';
import { type CompiledStack, compileStack } from '../compose/compile.ts';
import type { ComposeFiles } from '../compose/load.ts';
import { TuttiError } from '../lib/error.ts';

export interface StackDocumentOptions {
  /** Paths; `-` is standard input. Empty: `compose.yml` and its like in the working directory. */
  readonly files: readonly string[];
  readonly stack: string | undefined;
  readonly envFiles: readonly string[];
  readonly profiles: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Told which documents were found by themselves. */
  readonly note: (text: string) => void;
}

const defaultNames = [
  'compose.yml',
  'compose.yaml',
  'docker-stack.yml',
  'docker-compose.yml',
  'docker-compose.yaml',
];

/** More than any document that a person wrote; what is larger is something else. */
const largestFileBytes = 4 * 1024 * 1024;

/**
 * Reads and compiles the documents of a stack. The `.env` beside the first document fills variables
 * that the environment does not have. Without a name the stack is called as the document says, or
 * else as the directory.
 *
 * @throws TuttiError `not-found` or `invalid-argument`, naming file and line.
 */
export async function compileDocuments(options: StackDocumentOptions): Promise<CompiledStack> {
  const paths = options.files.length > 0 ? options.files : findDocuments(options);
  if (paths.filter((path) => path === '-').length > 1) {
    throw new TuttiError('invalid-argument', '-c: standard input (-) can be read once only', {
      field: '-c',
    });
  }
  const sources = await Promise.all(paths.map(readSource));
  const directory = dirname(sources[0]?.path ?? '.');
  const environment = await readEnvironment(directory, options);
  return await compileStack(sources, {
    files: localFiles,
    environment,
    profiles: [...options.profiles, ...namedProfiles(environment)],
    ...(options.stack !== undefined && { stack: options.stack }),
    fallbackStack: stackName(directory),
  });
}

/** Docker Compose's variable, too. */
function namedProfiles(environment: Readonly<Record<string, string | undefined>>) {
  return (environment['COMPOSE_PROFILES'] ?? '').split(',').filter((name) => name !== '');
}

function stackName(directory: string): string {
  return basename(resolve(directory))
    .toLowerCase()
    .replaceAll(/[^a-z0-9_-]/g, '')
    .replace(/^[_-]+/, '');
}

async function readEnvironment(
  directory: string,
  options: StackDocumentOptions,
): Promise<Readonly<Record<string, string | undefined>>> {
  const explicit = options.envFiles.map((path) => resolve(path));
  const paths = explicit.length > 0 ? explicit : [resolve(directory, '.env')];
  const values: Record<string, string> = {};
  for (const path of paths) {
    const text = await readText(path).catch((error: unknown) => {
      if (explicit.length === 0 && TuttiError.from(error).code === 'not-found') return '';
      throw error;
    });
    const parsed = parseEnvFile(text, { fileName: path, environment: options.environment });
    Object.assign(values, Object.fromEntries(parsed));
  }
  return { ...values, ...options.environment };
}

/**
 * As Docker Compose does: `COMPOSE_FILE`, or the document of the directory and what lies over it.
 */
function findDocuments({ environment, note }: StackDocumentOptions): readonly string[] {
  const named = (environment['COMPOSE_FILE'] ?? '').split(':').filter((path) => path !== '');
  if (named.length > 0) return named;
  const found = defaultNames.find((name) => existsSync(name));
  if (found === undefined) {
    throw new TuttiError('not-found', `there is no ${defaultNames.join(', ')} here`, {
      field: '-c',
      hint: 'Name the document with -c FILE.',
    });
  }
  const over = overridesOf(found).find((name) => existsSync(name));
  if (over === undefined) return [found];
  note(`with ${over}\n`);
  return [found, over];
}

function overridesOf(name: string): readonly string[] {
  const stem = /^(compose|docker-compose)\.ya?ml$/.exec(name)?.[1];
  return stem === undefined ? [] : [`${stem}.override.yml`, `${stem}.override.yaml`];
}

async function readSource(path: string): Promise<{ readonly path: string; readonly text: string }> {
  if (path !== '-') return { path: resolve(path), text: await readText(path) };
  if (process.stdin.isTTY) process.stderr.write('reading the document from standard input\n');
  const bytes = await readLimited(process.stdin, 'standard input');
  return { path: resolve('stdin'), text: bytes.toString('utf8') };
}

async function readText(path: string): Promise<string> {
  return Buffer.from(await localFiles.read(resolve(path))).toString('utf8');
}

async function readLimited(stream: AsyncIterable<unknown>, name: string): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let sizeBytes = 0;
  for await (const chunk of stream) {
    chunks.push(chunk as Uint8Array);
    sizeBytes += (chunk as Uint8Array).byteLength;
    if (sizeBytes <= largestFileBytes) continue;
    const limit = `${largestFileBytes / 1024 / 1024} MiB`;
    throw new TuttiError('invalid-argument', `${name} is larger than ${limit}; name another file`);
  }
  return Buffer.concat(chunks);
}

const localFiles: ComposeFiles = {
  read: async (path) => {
    try {
      return await readLimited(createReadStream(path), path);
    } catch (error) {
      if (error instanceof TuttiError) throw error;
      throw unreadable(path, error);
    }
  },
  resolve: (base, relative) => resolve(base, relative),
  directory: (path) => dirname(path),
};

const readProblems: Readonly<Record<string, string>> = {
  EISDIR: 'is a directory; name a file in it',
  EACCES: 'may not be read by you; change its permissions, or use sudo',
  ENOTDIR: 'is no path to a file',
  ENAMETOOLONG: 'is too long a path',
  ELOOP: 'is a link that goes in circles',
};

function unreadable(path: string, error: unknown): TuttiError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  if (code === 'ENOENT') {
    return new TuttiError('not-found', `no such file: ${path}`, { cause: error });
  }
  const problem = readProblems[code] ?? `cannot be read: ${TuttiError.from(error).message}`;
  return new TuttiError('invalid-argument', `${path} ${problem}`, { cause: error });
}
