import type { Node } from 'oxc-parser';
import { stringValue, walk, type Syntax } from './syntax.ts';

/** One place where a file names another module, in whatever form. */
export interface Import {
  /** Undefined when it is computed. */
  readonly specifier: string | undefined;
  readonly form: 'static' | 'dynamic' | 'require';
  /** True where nothing is loaded when the program runs. */
  readonly typeOnly: boolean;
  readonly offset: number;
}

export function importsOf({ program }: Syntax): readonly Import[] {
  const found: Import[] = [];
  walk(program, (node) => {
    const one = importOf(node);
    if (one !== undefined) found.push({ ...one, offset: node.start });
  });
  return found;
}

function importOf(node: Node): Omit<Import, 'offset'> | undefined {
  if (node.type === 'ImportDeclaration') {
    return staticImport(node.source.value, node.importKind === 'type');
  }
  if (node.type === 'ExportAllDeclaration' || node.type === 'ExportNamedDeclaration') {
    if (node.source === null) return undefined;
    return staticImport(node.source.value, node.exportKind === 'type');
  }
  if (node.type === 'TSImportType') return staticImport(node.source.value, true);
  if (node.type === 'ImportExpression') {
    return { specifier: stringValue(node.source), form: 'dynamic', typeOnly: false };
  }
  if (node.type === 'TSExternalModuleReference') {
    return { specifier: node.expression.value, form: 'require', typeOnly: false };
  }
  if (node.type === 'CallExpression') return requireCall(node.callee, node.arguments[0]);
  return undefined;
}

function staticImport(specifier: string, typeOnly: boolean): Omit<Import, 'offset'> {
  return { specifier, form: 'static', typeOnly };
}

function requireCall(callee: Node, argument: Node | undefined): Omit<Import, 'offset'> | undefined {
  if (callee.type !== 'Identifier') return undefined;
  if (callee.name !== 'require' && callee.name !== 'createRequire') return undefined;
  const specifier = argument === undefined ? undefined : stringValue(argument);
  return { specifier, form: 'require', typeOnly: false };
}
