import { posix } from 'node:path';
import type { Finding } from './finding.ts';
import { importsOf } from './imports.ts';
import { findingAt, type SourceFile } from './source.ts';

const vagueWords = new Set(['common', 'helper', 'helpers', 'index', 'misc', 'util', 'utils']);

/** Where a file stands and what it is called. */
export function checkPlace(file: SourceFile): readonly Finding[] {
  const refuse = (rule: string, message: string) => findingAt(file, 0, { rule, message });
  const findings: Finding[] = [];
  const parts = file.path.split('/');
  if (file.module !== undefined) {
    const expectedParts = file.module === 'main' ? 2 : 3;
    if (file.layer === undefined) {
      findings.push(refuse('unknown-module', `${file.module} has no row in layers.ts.`));
    } else if (parts.length !== expectedParts) {
      findings.push(refuse('module-path', 'code stands in src/<module>/<file>.ts.'));
    }
    if (!file.path.endsWith('.ts')) {
      findings.push(refuse('file-kind', 'src/ holds TypeScript (.ts) and nothing else.'));
    }
  }
  const vague = parts.flatMap((part) => part.split(/[.-]/)).find((word) => vagueWords.has(word));
  if (file.syntax !== undefined && vague !== undefined) {
    findings.push(refuse('file-name', `"${vague}" says nothing: name the one noun of the file.`));
  }
  return findings;
}

/** Tests stand beside what they test, and pure code has tests. */
export function checkTests(files: readonly SourceFile[]): readonly Finding[] {
  const paths = new Set(files.map(({ path }) => path));
  const tested = testedPaths(files);
  return files.flatMap((file) => {
    if (file.module === undefined || file.syntax === undefined) return [];
    if (file.isTest) return checkSubject(file, paths);
    if (file.kind !== 'pure' || !exportsFunction(file) || tested.has(file.path)) return [];
    const rule = 'test-beside';
    const message = 'no test reaches this pure code: add x.test.ts beside it.';
    return [findingAt(file, 0, { rule, message })];
  });
}

/** `table.test.ts` and `table.indexes.test.ts` test `table.ts`. */
function checkSubject(file: SourceFile, paths: ReadonlySet<string>): readonly Finding[] {
  const folder = posix.dirname(file.path);
  const subject = `${folder}/${posix.basename(file.path).split('.')[0] ?? ''}.ts`;
  if (paths.has(subject)) return [];
  const message = `no ${subject} stands beside this test; name it after a file.`;
  return [findingAt(file, 0, { rule: 'test-subject', message })];
}

/** What tests import, and what those files import of their own module. */
function testedPaths(files: readonly SourceFile[]): ReadonlySet<string> {
  const imported = new Map(files.map((file) => [file.path, importedFiles(file)]));
  const tested = new Set(files.filter(({ isTest }) => isTest).map(({ path }) => path));
  // A set yields what is added while it is walked.
  for (const path of tested) {
    for (const next of imported.get(path) ?? []) tested.add(next);
  }
  return tested;
}

function importedFiles({ path, isTest, module, syntax }: SourceFile): readonly string[] {
  if (syntax === undefined) return [];
  // A world that a test of the simulation drives brings in the cores that it is made of.
  const prefix = isTest || module === undefined ? '.' : './';
  return importsOf(syntax).flatMap(({ specifier, typeOnly }) =>
    specifier?.startsWith(prefix) === true && !typeOnly
      ? [posix.join(posix.dirname(path), specifier)]
      : [],
  );
}

function exportsFunction({ syntax }: SourceFile): boolean {
  return (syntax?.program.body ?? []).some((statement) => {
    if (statement.type !== 'ExportNamedDeclaration') return false;
    const type = statement.declaration?.type;
    return type === 'FunctionDeclaration' || type === 'ClassDeclaration';
  });
}
