import type { Node } from 'oxc-parser';

/** Whether a name means something of the file itself at a place, and not the global. */
export function isDeclared(name: string, ancestors: Iterable<Node>): boolean {
  for (const ancestor of ancestors) {
    if (bindingsOf(ancestor).some((binding) => namesIn(binding).includes(name))) return true;
  }
  return false;
}

/** The patterns and identifiers that a node brings into scope for what is inside it. */
function bindingsOf(node: Node): readonly Node[] {
  if (node.type === 'Program' || node.type === 'BlockStatement' || node.type === 'StaticBlock') {
    return node.body.flatMap(bindingsOfStatement);
  }
  if (node.type === 'SwitchStatement') {
    return node.cases.flatMap(({ consequent }) => consequent.flatMap(bindingsOfStatement));
  }
  if (node.type === 'ForStatement') return node.init === null ? [] : bindingsOfStatement(node.init);
  if (node.type === 'ForOfStatement' || node.type === 'ForInStatement') {
    return bindingsOfStatement(node.left);
  }
  if (node.type === 'CatchClause') return node.param === null ? [] : [node.param];
  if (node.type === 'FunctionDeclaration' || node.type === 'ArrowFunctionExpression') {
    return node.params;
  }
  if (node.type === 'FunctionExpression') {
    return node.id === null ? node.params : [node.id, ...node.params];
  }
  return [];
}

function bindingsOfStatement(statement: Node): readonly Node[] {
  if (statement.type === 'VariableDeclaration') return statement.declarations.map(({ id }) => id);
  if (statement.type === 'FunctionDeclaration' || statement.type === 'ClassDeclaration') {
    return statement.id === null ? [] : [statement.id];
  }
  if (statement.type === 'ImportDeclaration') {
    return statement.specifiers.map(({ local }) => local);
  }
  if (statement.type === 'ExportNamedDeclaration' && statement.declaration !== null) {
    return bindingsOfStatement(statement.declaration);
  }
  return [];
}

/** The names in a pattern such as `{ a, b: [c = 1, ...d] }`. */
function namesIn(pattern: Node): readonly string[] {
  if (pattern.type === 'Identifier') return [pattern.name];
  if (pattern.type === 'AssignmentPattern') return namesIn(pattern.left);
  if (pattern.type === 'RestElement') return namesIn(pattern.argument);
  if (pattern.type === 'ArrayPattern') {
    return pattern.elements.flatMap((element) => (element === null ? [] : namesIn(element)));
  }
  if (pattern.type === 'ObjectPattern') {
    return pattern.properties.flatMap((property) =>
      namesIn(property.type === 'RestElement' ? property : property.value),
    );
  }
  return [];
}
