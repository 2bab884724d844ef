import { parseSync, visitorKeys, type Node, type Program } from 'oxc-parser';

export interface Syntax {
  readonly program: Program;
  /** The first syntax error, if there is one. */
  readonly error?: string;
}

export function parseSource(path: string, text: string): Syntax {
  const { program, errors } = parseSync(path, text, { preserveParens: false });
  const [first] = errors;
  return first === undefined ? { program } : { program, error: first.message };
}

/**
 * Calls `visit` for each node, outer before inner; returning `'skip'` leaves out what is inside.
 */
export function walk(root: Node, visit: (node: Node, parent: Node | undefined) => 'skip' | void) {
  const descend = (node: Node, parent: Node | undefined): void => {
    if (visit(node, parent) === 'skip') return;
    for (const child of childrenOf(node)) descend(child, node);
  };
  descend(root, undefined);
}

function* childrenOf(node: Node): Iterable<Node> {
  const fields: Readonly<Record<string, unknown>> = { ...node };
  for (const key of visitorKeys[node.type] ?? []) {
    const value = fields[key];
    for (const child of Array.isArray(value) ? value : [value]) {
      if (isNode(child)) yield child;
    }
  }
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'type' in value && 'start' in value;
}

/** The line, from 1, of an offset in the text. */
export function lineAt(text: string, offset: number): number {
  let line = 1;
  for (let at = text.indexOf('\n'); at !== -1 && at < offset; at = text.indexOf('\n', at + 1)) {
    line += 1;
  }
  return line;
}

/** The name of a property that is written down: `a.name`, `a['name']`; undefined for `a[name]`. */
export function staticPropertyName(node: Node): string | undefined {
  if (node.type !== 'MemberExpression') return undefined;
  if (!node.computed) return node.property.type === 'Identifier' ? node.property.name : undefined;
  return stringValue(node.property);
}

/** The text of a string that is written down, as a literal or as a template without holes. */
export function stringValue(node: Node): string | undefined {
  if (node.type === 'Literal') return typeof node.value === 'string' ? node.value : undefined;
  if (node.type === 'TemplateLiteral' && node.expressions.length === 0) {
    return node.quasis[0]?.value.cooked ?? undefined;
  }
  return undefined;
}
