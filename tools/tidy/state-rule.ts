import type { BindingPattern, Node } from 'oxc-parser';
import type { Finding } from './finding.ts';
import { findingAt, type SourceFile } from './source.ts';

const rule = 'module-state';

/** A module remembers nothing: state lives in values that somebody made and passes on. */
export function checkModuleState(file: SourceFile): readonly Finding[] {
  const isProduct = file.module !== undefined || file.path.startsWith('sim/');
  if (file.syntax === undefined || file.isTest || !isProduct) return [];
  const findings: Finding[] = [];
  for (const statement of file.syntax.program.body) {
    const declaration =
      statement.type === 'ExportNamedDeclaration' ? statement.declaration : statement;
    if (declaration?.type !== 'VariableDeclaration' || declaration.declare) continue;
    if (declaration.kind === 'let' || declaration.kind === 'var') {
      const message = `\`${declaration.kind}\` at the top of a module is state that all share.`;
      findings.push(findingAt(file, declaration.start, { rule, message }));
      continue;
    }
    for (const { id, init } of declaration.declarations) {
      if (init === null || !isEmptyCollection(init) || isReadonly(file, id)) continue;
      const message = 'a collection that starts empty and can be filled is state that all share.';
      findings.push(findingAt(file, init.start, { rule, message }));
    }
  }
  return findings;
}

function isEmptyCollection(node: Node): boolean {
  if (node.type === 'ArrayExpression') return node.elements.length === 0;
  if (node.type === 'ObjectExpression') return node.properties.length === 0;
  if (node.type !== 'NewExpression' || node.callee.type !== 'Identifier') return false;
  return ['Map', 'Set', 'WeakMap', 'WeakSet'].includes(node.callee.name)
    ? node.arguments.length === 0
    : false;
}

/** Whether the declared type keeps everybody from filling it. */
function isReadonly(file: SourceFile, id: BindingPattern): boolean {
  const type = id.typeAnnotation?.typeAnnotation;
  return type !== undefined && /^(readonly\b|Readonly)/.test(file.text.slice(type.start, type.end));
}
