import { readFile } from 'node:fs/promises';
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
}

const defaultNames = [
  'compose.yml',
  'compose.yaml',
  'docker-stack.yml',
  'docker-compose.yml',
  'docker-compose.yaml',
];

/**
 * Reads and compiles the documents of a stack. The `.env` beside the first document fills variables
 * that the environment does not have. Without a name the stack is called as the document says, or
 * else as the directory.
 *
 * @throws TuttiError `not-found` or `invalid-argument`, naming file and line.
 */
export async function compileDocuments(options: StackDocumentOptions): Promise<CompiledStack> {
  const paths = options.files.length > 0 ? options.files : [await findDocument()];
  const sources = await Promise.all(paths.map(readSource));
  const directory = dirname(sources[0]?.path ?? '.');
  const environment = await readEnvironment(directory, options);
  const named =
    options.stack ?? (/^name:/m.test(sources[0]?.text ?? '') ? undefined : stackName(directory));
  return await compileStack(sources, {
    files: localFiles,
    environment,
    profiles: options.profiles,
    ...(named !== undefined && { stack: named }),
  });
}

function stackName(directory: string): string {
  return basename(resolve(directory))
    .toLowerCase()
    .replaceAll(/[^a-z0-9_-]/g, '');
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

async function findDocument(): Promise<string> {
  for (const name of defaultNames) {
    const found = await readText(name).then(
      () => true,
      () => false,
    );
    if (found) return name;
  }
  throw new TuttiError('not-found', `there is no ${defaultNames.join(', ')} here`, {
    hint: 'Name the document with -c FILE.',
  });
}

async function readSource(path: string): Promise<{ readonly path: string; readonly text: string }> {
  if (path !== '-') return { path: resolve(path), text: await readText(path) };
  const chunks: Uint8Array[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Uint8Array);
  return { path: resolve('stdin'), text: Buffer.concat(chunks).toString('utf8') };
}

async function readText(path: string): Promise<string> {
  return Buffer.from(await localFiles.read(resolve(path))).toString('utf8');
}

const localFiles: ComposeFiles = {
  read: async (path) => {
    try {
      return await readFile(path);
    } catch (error) {
      const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
      const message = isMissing ? `no such file: ${path}` : `cannot read ${path}: ${String(error)}`;
      throw new TuttiError(isMissing ? 'not-found' : 'invalid-argument', message, { cause: error });
    }
  },
  resolve: (base, relative) => resolve(base, relative),
  directory: (path) => dirname(path),
};
