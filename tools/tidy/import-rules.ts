import { isBuiltin } from 'node:module';
import { posix } from 'node:path';
import { layerOfTests } from '../../layers.ts';
import type { Finding } from './finding.ts';
import { importsOf, type Import } from './imports.ts';
import { findingAt, moduleOf, type SourceFile } from './source.ts';

interface Refusal {
  readonly rule: string;
  readonly message: string;
}

/** Every import of every file against `layers.ts`; what the table does not allow is refused. */
export function checkImports(file: SourceFile): readonly Finding[] {
  if (file.syntax === undefined) return [];
  return importsOf(file.syntax).flatMap((one) => {
    const refusal = refuseForm(file, one) ?? refuseByTable(file, one);
    return refusal === undefined ? [] : [findingAt(file, one.offset, refusal)];
  });
}

function refuseForm(file: SourceFile, { specifier, form }: Import): Refusal | undefined {
  if (form === 'require' && file.module !== undefined) {
    return { rule: 'require', message: 'use import: what require loads, no rule sees.' };
  }
  if (specifier === undefined) {
    if (form === 'require') return undefined;
    return { rule: 'dynamic-import', message: 'import() wants its module written down.' };
  }
  if (isBuiltin(specifier) && !specifier.startsWith('node:')) {
    return { rule: 'bare-node', message: `write 'node:${specifier}' for '${specifier}'.` };
  }
  if (/^(\/|#|[a-z]+:)/.test(specifier) && !specifier.startsWith('node:')) {
    return { rule: 'import-form', message: `'${specifier}' is neither a path nor a package.` };
  }
  if (!specifier.startsWith('.')) return undefined;
  const folder = posix.dirname(file.path);
  const shortest = posix.relative(folder, posix.join(folder, specifier));
  const expected = shortest.startsWith('.') ? shortest : `./${shortest}`;
  if (specifier === expected) return undefined;
  return { rule: 'import-form', message: `write '${expected}' for '${specifier}'.` };
}

function refuseByTable(file: SourceFile, one: Import): Refusal | undefined {
  const { specifier } = one;
  if (file.module === undefined || specifier === undefined) return undefined;
  if (specifier.startsWith('.')) return refusePath(file, specifier);
  return refuseUse(file, one, specifier);
}

function refusePath(file: SourceFile, specifier: string): Refusal | undefined {
  const target = posix.join(posix.dirname(file.path), specifier);
  const module = moduleOf(target);
  if (module === file.module) return undefined;
  const allowed = [
    ...(file.layer?.imports ?? []),
    ...(file.isTest ? (file.layer?.tests?.imports ?? []) : []),
  ];
  const names =
    module === undefined
      ? [target, target.split('/')[0] ?? target]
      : [module, target.slice('src/'.length)];
  if (names.some((name) => allowed.includes(name))) return undefined;
  return {
    rule: 'layer',
    message: `${file.module} may import ${listOf(allowed)}, and not ${target}: see layers.ts.`,
  };
}

function refuseUse(file: SourceFile, one: Import, specifier: string): Refusal | undefined {
  const allowed = [
    ...(file.layer?.uses ?? []),
    ...(one.typeOnly ? (file.layer?.usesTypes ?? []) : []),
    ...(file.isTest ? [...layerOfTests.uses, ...(file.layer?.tests?.uses ?? [])] : []),
  ];
  const isNode = specifier.startsWith('node:');
  if (isNode && allowed.includes('node:*')) return undefined;
  if (allowed.some((name) => specifier === name || specifier.startsWith(`${name}/`))) {
    return undefined;
  }
  return {
    rule: isNode ? 'node-module' : 'package',
    message: `${file.module} may use ${listOf(allowed)}, and not '${specifier}': see layers.ts.`,
  };
}

function listOf(names: readonly string[]): string {
  return names.length === 0 ? 'nothing' : names.join(', ');
}
