import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { compositionRoot, kindOutside, layers, type Kind, type Layer } from '../../layers.ts';
import type { Finding } from './finding.ts';
import { lineAt, parseSource, type Syntax } from './syntax.ts';

const skippedFolders = new Set(['.cache', '.git', 'dist', 'fixtures', 'node_modules']);
const textFile = /\.(ts|mts|cts|tsx|js|mjs|cjs|md|json|ya?ml|sh|css|html|sql)$/;
const codeFile = /\.(ts|mts|cts|tsx|js|mjs|cjs)$/;

/** A file of the repository, with what the rules want to know of it. */
export interface SourceFile {
  /** Relative to the root, with `/`. */
  readonly path: string;
  readonly text: string;
  readonly isTest: boolean;
  /** Present for code. */
  readonly syntax?: Syntax;
  /** The module in `src/` to which the file belongs. */
  readonly module?: string;
  /** The module's row; absent outside `src/`, and for a module that has none. */
  readonly layer?: Layer;
  /** What the file may know of the world; `real` where nothing is said. */
  readonly kind: Kind;
}

/** All text files below `root` that belong to the repository, in the order of their paths. */
export function readSources(root: string): readonly SourceFile[] {
  return listFiles(root)
    .map((path) => path.slice(root.length + 1))
    .toSorted((a, b) => (a < b ? -1 : 1))
    .map((path) => describeSource(path, readFileSync(join(root, path), 'utf8')));
}

/** Folders that are skipped are not even looked into: a container engine may be at work there. */
function listFiles(directory: string): readonly string[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    if (skippedFolders.has(entry.name)) return [];
    const path = join(directory, entry.name);
    if (entry.isDirectory()) return listFiles(path);
    return entry.isFile() && textFile.test(entry.name) ? [path] : [];
  });
}

/** `path` is relative to the root of the repository. */
export function describeSource(path: string, text: string): SourceFile {
  const module = moduleOf(path);
  const layer = module === undefined ? undefined : layerOf(module);
  return {
    path,
    text,
    isTest: /\.test\.[a-z]+$/.test(path),
    kind: layer?.kind ?? kindOfOutside(path),
    ...(codeFile.test(path) && { syntax: parseSource(path, text) }),
    ...(module !== undefined && { module }),
    ...(layer !== undefined && { layer }),
  };
}

/** `src/store/table.ts` belongs to `store`, and `src/main.ts` to `main`. */
export function moduleOf(path: string): string | undefined {
  const [folder, module, file] = path.split('/');
  if (folder !== 'src' || module === undefined) return undefined;
  if (file !== undefined) return module;
  return compositionRoot.includes(module.replace('.test.', '.')) ? 'main' : module;
}

export function layerOf(module: string): Layer | undefined {
  const rows: Readonly<Record<string, Layer>> = layers;
  return Object.hasOwn(rows, module) ? rows[module] : undefined;
}

function kindOfOutside(path: string): Kind {
  const parts = path.split('/');
  for (let length = parts.length; length > 0; length -= 1) {
    const kind = kindOutside[parts.slice(0, length).join('/')];
    if (kind !== undefined) return kind;
  }
  return 'real';
}

/** Makes findings of one file and one rule short to write. */
export function findingAt(
  file: SourceFile,
  offset: number,
  { rule, message }: { readonly rule: string; readonly message: string },
): Finding {
  return { rule, path: file.path, line: lineAt(file.text, offset), message };
}
