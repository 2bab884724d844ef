import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runProgram } from '../../tools/bootstrap/run.mjs';
import { repositoryRoot } from '../../tools/root.ts';

/** One place of a program that another version of it has otherwise. */
export interface Edit {
  readonly file: string;
  /** Is there exactly once. */
  readonly find: string;
  readonly replace: string;
}

/** A version of the program, as people have it installed. */
export interface ProgramCopy {
  readonly version: string;
  /** `bin/tutti`. */
  readonly command: string;
  /** The script that a daemon of this version runs. */
  readonly entry: string;
}

const copied = ['src', 'bin', 'package.json', 'tsconfig.json', 'tsconfig.build.json'] as const;

/**
 * Copies the program as it is, changes it in these places, and emits its JavaScript; throws where a
 * place is not found, and where what comes of it has an error of types.
 */
export async function copyProgram(
  directory: string,
  { version, edits }: { readonly version: string; readonly edits: readonly Edit[] },
): Promise<ProgramCopy> {
  await mkdir(directory, { recursive: true });
  for (const name of copied) {
    await cp(join(repositoryRoot, name), join(directory, name), { recursive: true });
  }
  await symlink(join(repositoryRoot, 'node_modules'), join(directory, 'node_modules'));
  for (const edit of edits) await apply(directory, edit);
  const compiler = join(repositoryRoot, 'node_modules/.bin/tsc');
  const project = ['--project', join(directory, 'tsconfig.build.json')];
  const { code, output } = await runProgram(compiler, project);
  if (code !== 0) throw new Error(`version ${version} is no program:\n${output}`);
  const entry = join(directory, 'dist/src/main.js');
  return { version, entry, command: join(directory, 'bin/tutti') };
}

async function apply(directory: string, { file, find, replace }: Edit): Promise<void> {
  const path = join(directory, file);
  const text = await readFile(path, 'utf8');
  const places = text.split(find).length - 1;
  if (places !== 1) {
    throw new Error(`${file} has ${places} places for an edit of the next version: ${find}`);
  }
  await writeFile(
    path,
    text.replace(find, () => replace),
  );
}
