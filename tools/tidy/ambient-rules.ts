import type { Node } from 'oxc-parser';
import type { Finding } from './finding.ts';
import { isDeclared } from './scope.ts';
import { findingAt, type SourceFile } from './source.ts';
import { staticPropertyName, walk } from './syntax.ts';

const advice = {
  clock: 'time is an argument, or comes from the Clock of host',
  dice: 'randomness is an argument, or comes from the Random of host',
  process: 'what the process knows is an argument; only os, client, cli and main.ts see it',
  console: 'write through the Logger of host',
  network: 'sockets belong to os and client',
  'global-object': 'name the global itself, so that the rules see it',
  evaluate: 'code is not made from text',
} as const;

type AmbientRule = keyof typeof advice;

/** Globals that reach the world. */
const reach: Readonly<Record<string, AmbientRule>> = {
  Date: 'clock',
  Temporal: 'clock',
  performance: 'clock',
  scheduler: 'clock',
  setImmediate: 'clock',
  setInterval: 'clock',
  setTimeout: 'clock',
  AbortSignal: 'clock',
  Math: 'dice',
  crypto: 'dice',
  process: 'process',
  navigator: 'process',
  __dirname: 'process',
  __filename: 'process',
  module: 'process',
  console: 'console',
  BroadcastChannel: 'network',
  EventSource: 'network',
  WebSocket: 'network',
  XMLHttpRequest: 'network',
  fetch: 'network',
  global: 'global-object',
  globalThis: 'global-object',
  Function: 'evaluate',
  eval: 'evaluate',
};

/** Globals of which only some members reach the world; the others are arithmetic. */
const reachingMembers: Readonly<Record<string, readonly string[]>> = {
  AbortSignal: ['timeout'],
  Date: ['now'],
  Math: ['random'],
  Temporal: ['Now'],
};

/** TypeScript's nodes that exist when the program runs; all others are types. */
const runningTypeScript = new Set([
  'TSAsExpression',
  'TSEnumBody',
  'TSEnumDeclaration',
  'TSEnumMember',
  'TSExportAssignment',
  'TSInstantiationExpression',
  'TSModuleBlock',
  'TSModuleDeclaration',
  'TSNonNullExpression',
  'TSParameterProperty',
  'TSSatisfiesExpression',
  'TSTypeAssertion',
]);

const namesLabels = new Set([
  'BreakStatement',
  'ContinueStatement',
  'LabeledStatement',
  'MetaProperty',
]);

/** Clock, dice and world, in files whose kind has none of them. */
export function checkAmbient(file: SourceFile): readonly Finding[] {
  if (file.syntax === undefined || file.kind === 'real') return [];
  const findings: Finding[] = [];
  const parents = new Map<Node, Node>();
  walk(file.syntax.program, (node, parent) => {
    if (node.type.startsWith('TS') && !runningTypeScript.has(node.type)) return 'skip';
    if (parent !== undefined) parents.set(node, parent);
    if (node.type !== 'Identifier' || parent === undefined) return undefined;
    const rule = Object.hasOwn(reach, node.name) ? reach[node.name] : undefined;
    if (rule === undefined || !isValue(node, parent)) return undefined;
    if (isHarmless(node.name, parent, parents.get(parent))) return undefined;
    if (isDeclared(node.name, ancestorsOf(node, parents))) return undefined;
    const message = `\`${node.name}\`: ${advice[rule]}.`;
    findings.push(findingAt(file, node.start, { rule, message }));
    return undefined;
  });
  return findings;
}

function* ancestorsOf(node: Node, parents: ReadonlyMap<Node, Node>): Iterable<Node> {
  for (let at = parents.get(node); at !== undefined; at = parents.get(at)) yield at;
}

/** Whether the identifier stands for a value, and is not the name of a property. */
function isValue(node: Node, parent: Node): boolean {
  if (parent.type === 'Property' && parent.shorthand) return parent.value === node;
  if ('key' in parent && parent.key === node) return 'computed' in parent && parent.computed;
  if (parent.type === 'MemberExpression') return parent.object === node || parent.computed;
  if (parent.type === 'ImportSpecifier' || parent.type === 'ExportSpecifier') {
    return parent.local === node;
  }
  return !namesLabels.has(parent.type);
}

function isHarmless(name: string, parent: Node, grandparent: Node | undefined): boolean {
  const reaching = reachingMembers[name];
  if (reaching === undefined) return false;
  if (parent.type === 'BinaryExpression' && parent.operator === 'instanceof') return true;
  if (parent.type === 'NewExpression' && name === 'Date') {
    // With an argument it only converts; without one it reads the clock.
    const [first] = parent.arguments;
    return first !== undefined && first.type !== 'SpreadElement';
  }
  const member = staticPropertyName(parent);
  if (member === undefined || reaching.includes(member)) return false;
  return grandparent?.type !== 'AssignmentExpression' || grandparent.left !== parent;
}
