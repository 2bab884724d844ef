import { existsSync } from 'node:fs';
import {
  chmod,
  copyFile,
  cp,
  glob,
  mkdir,
  readdir,
  readFile,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { basename, dirname, join, relative } from 'node:path';
import { ensureDependencies } from '../bootstrap/dependencies.mjs';
import { downloadPackages } from './debian-packages.ts';
import type { LayerContent } from './layer-content.ts';
import type { LayerEntry, LayerRecipe } from './layer-recipe.ts';
import { runCommand } from './run-command.ts';
import { runtimePackages } from './runtime-packages.ts';

export interface FillOptions {
  /** The empty directory that becomes `/` of the layer. */
  readonly root: string;
  /** A directory for what is not needed afterwards. */
  readonly workDirectory: string;
}

type Recipe<Kind extends LayerRecipe['kind']> = Extract<LayerRecipe, { kind: Kind }>;

/** Puts what a recipe asks for into a directory. */
export async function fillLayer(content: LayerContent, options: FillOptions): Promise<void> {
  const { recipe } = content;
  switch (recipe.kind) {
    case 'packages':
      return fillWithPackages(content, recipe, options);
    case 'node-modules':
      return fillWithModules(recipe, options);
    case 'entries':
      for (const entry of recipe.entries) await addEntry(entry, options.root);
      return;
  }
}

/** Directories that are links since the distributions merged them into `/usr`. */
const mergedDirectories = ['bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32'];

async function fillWithPackages(
  content: LayerContent,
  recipe: Recipe<'packages'>,
  { root, workDirectory }: FillOptions,
): Promise<void> {
  const downloads = join(workDirectory, 'packages');
  await mkdir(downloads);
  for (const file of await downloadPackages(content.packages, downloads)) {
    await runCommand(['dpkg-deb', '--extract', file, root]);
  }
  await mergeDirectories(root);
  for (const pattern of recipe.leftOut) {
    for await (const path of glob(pattern, { cwd: root })) {
      await rm(join(root, path), { recursive: true });
    }
  }
  if (existsSync(join(root, 'usr/bin/busybox'))) await linkBusyboxCommands(root);
}

/**
 * Moves what packages still put into `/lib` to `/usr/lib`, and so on. Every layer has the same
 * links, so that none hides those of a layer below behind a directory.
 */
async function mergeDirectories(root: string): Promise<void> {
  for (const name of mergedDirectories) {
    const merged = join(root, 'usr', name);
    await mkdir(merged, { recursive: true });
    if (existsSync(join(root, name))) {
      await runCommand(['cp', '--archive', `${join(root, name)}/.`, merged]);
      await rm(join(root, name), { recursive: true });
    }
    await symlink(`usr/${name}`, join(root, name));
  }
}

/** A busybox is all of its commands, each under a name of its own. */
async function linkBusyboxCommands(root: string): Promise<void> {
  const commands = await runCommand([join(root, 'usr/bin/busybox'), '--list']);
  const taken = new Set(await readdir(join(root, 'usr/bin')));
  for (const command of commands.split('\n')) {
    if (command === '' || taken.has(command)) continue;
    await symlink('busybox', join(root, 'usr/bin', command));
  }
}

async function fillWithModules(
  recipe: Recipe<'node-modules'>,
  { root }: FillOptions,
): Promise<void> {
  await ensureDependencies(recipe.directory, basename(recipe.directory));
  const lock = await readFile(join(recipe.directory, 'package-lock.json'), 'utf8');
  const target = join(root, recipe.path);
  for (const path of runtimePackages(lock)) {
    const from = join(recipe.directory, path);
    // A package that is not there is for another platform: everything else was just installed.
    if (!existsSync(from)) continue;
    await cp(from, join(target, relative('node_modules', path)), { recursive: true });
  }
  // Declarations and maps are for development: three quarters of the size.
  for await (const path of glob('**/*.{d.ts,d.mts,d.cts,map}', { cwd: target })) {
    await rm(join(target, path));
  }
}

async function addEntry(entry: LayerEntry, root: string): Promise<void> {
  const path = join(root, entry.path);
  await mkdir(dirname(path), { recursive: true, mode: 0o755 });
  switch (entry.kind) {
    case 'directory':
      await mkdir(path, { recursive: true });
      return chmod(path, entry.mode);
    case 'link':
      return symlink(entry.target, path);
    case 'text':
      await writeFile(path, entry.text);
      return chmod(path, entry.mode);
    case 'copy':
      await copyFile(entry.from, path);
      return chmod(path, entry.mode);
  }
}
