import type { CallExpression, Node } from 'oxc-parser';
import type { Finding } from './finding.ts';
import { importsOf } from './imports.ts';
import { findingAt, type SourceFile } from './source.ts';
import { staticPropertyName, stringValue, walk, type Syntax } from './syntax.ts';

const rule = 'shell';
const message = 'no command is a line of text for a shell: use execFile or spawn with a list.';
const shellFunctions = ['exec', 'execSync'];
const listFunctions = ['execFile', 'execFileSync', 'spawn', 'spawnSync'];
const shellProgram = /^(\/(usr\/)?bin\/)?(ba|da|z)?sh$/;

/** Nothing in the repository hands a line of text to a shell. */
export function checkShell(file: SourceFile): readonly Finding[] {
  const { syntax } = file;
  if (syntax === undefined) return [];
  const uses = importsOf(syntax).filter(({ specifier }) => specifier === 'node:child_process');
  if (uses.length === 0) return [];
  const findings = uses
    .filter(({ form }) => form === 'dynamic')
    .map(({ offset }) => findingAt(file, offset, { rule, message }));
  const namespaces = namespacesOf(syntax);
  walk(syntax.program, (node) => {
    if (namesShell(node, namespaces)) {
      findings.push(findingAt(file, node.start, { rule, message }));
    }
  });
  return findings;
}

/** The local names under which the whole of `node:child_process` is known. */
function namespacesOf({ program }: Syntax): ReadonlySet<string> {
  const names = new Set<string>();
  for (const statement of program.body) {
    if (statement.type !== 'ImportDeclaration') continue;
    if (statement.source.value !== 'node:child_process') continue;
    for (const specifier of statement.specifiers) {
      if (specifier.type !== 'ImportSpecifier') names.add(specifier.local.name);
    }
  }
  return names;
}

function namesShell(node: Node, namespaces: ReadonlySet<string>): boolean {
  if (node.type === 'ImportSpecifier') {
    return node.imported.type === 'Identifier' && shellFunctions.includes(node.imported.name);
  }
  if (node.type === 'MemberExpression') {
    if (node.object.type !== 'Identifier' || !namespaces.has(node.object.name)) return false;
    return shellFunctions.includes(staticPropertyName(node) ?? '');
  }
  if (node.type === 'Property') {
    if (node.key.type !== 'Identifier' || node.key.name !== 'shell') return false;
    return node.value.type !== 'Literal' || node.value.value !== false;
  }
  return node.type === 'CallExpression' && callsShell(node);
}

/** `spawn('sh', ['-c', …])` is `exec` by another name. */
function callsShell({ callee, arguments: [program, list] }: CallExpression): boolean {
  const name = callee.type === 'Identifier' ? callee.name : staticPropertyName(callee);
  if (!listFunctions.includes(name ?? '') || program === undefined) return false;
  if (!shellProgram.test(stringValue(program) ?? '')) return false;
  if (list?.type !== 'ArrayExpression') return true;
  return list.elements.some((element) => element !== null && stringValue(element) === '-c');
}
