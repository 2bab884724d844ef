import { checkAmbient } from './ambient-rules.ts';
import type { Finding } from './finding.ts';
import { checkImports } from './import-rules.ts';
import { checkPlace, checkTests } from './place-rules.ts';
import { checkShell } from './shell-rule.ts';
import { readSources, type SourceFile } from './source.ts';
import { checkModuleState } from './state-rule.ts';
import { checkText } from './text-rules.ts';

const fileRules: readonly ((file: SourceFile) => readonly Finding[])[] = [
  checkPlace,
  checkImports,
  checkAmbient,
  checkModuleState,
  checkShell,
  checkText,
];

/** All breaches of the repository's own rules below `root`: those that no linter knows. */
export function findBreaches(root: string): readonly Finding[] {
  const files = readSources(root);
  return [
    ...files.flatMap((file) => fileRules.flatMap((check) => check(file))),
    ...checkTests(files),
  ];
}
