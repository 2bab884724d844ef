import { TuttiError } from '../lib/error.ts';
import { addressInSubnet } from '../lib/ipv4.ts';
import type { Node } from './node.ts';

/** One placement constraint: what of a node is compared, how, and with what. */
export interface Constraint {
  /** As it was written. */
  readonly expression: string;
  readonly key: string;
  readonly operator: '==' | '!=';
  readonly value: string;
}

/** Grammar of swarmkit manager/constraint/constraint.go. */
const keyPattern = /^[a-z_][a-z0-9\-_.]+$/i;
const valuePattern = /^[a-z0-9:\-_\s.*()?+[\]\\^$|/]+$/i;

const keysHint =
  'Write key==value or key!=value; keys are node.id, node.hostname, node.ip, node.role, ' +
  'node.platform.os, node.platform.arch, node.labels.<label> and engine.labels.<label>.';

/** Throws `invalid-argument` naming the expression when it is not `key==value` or `key!=value`. */
export function parseConstraint(expression: string): Constraint {
  const at = expression.search(/[=!]=/);
  if (at < 0) {
    throw malformed(expression, 'it has no operator == or !=');
  }
  const operator = expression.startsWith('==', at) ? '==' : '!=';
  const key = expression.slice(0, at).trim();
  const value = expression.slice(at + 2).trim();
  if (!keyPattern.test(key)) {
    throw malformed(expression, `the key "${key}" may hold letters, digits and - _ . only`);
  }
  if (!valuePattern.test(value)) {
    const why = value === '' ? 'the value is missing' : `the value "${value}" is not allowed`;
    throw malformed(expression, why);
  }
  return { expression, key, operator, value };
}

function malformed(expression: string, why: string): TuttiError {
  return new TuttiError(
    'invalid-argument',
    `invalid placement constraint "${expression}": ${why}`,
    {
      hint: keysHint,
    },
  );
}

/**
 * Whether the node is one that the constraint allows. Values are compared whatever their case,
 * label keys as they are; a missing label counts as empty; an unknown key allows no node at all.
 */
export function meetsConstraint(node: Node, constraint: Constraint): boolean {
  const { key, operator, value } = constraint;
  if (key.toLowerCase() === 'node.ip') return matchesAddress(node, constraint);
  const actual = nodeProperty(node, key);
  if (actual === undefined) return false;
  const equal = actual.toLowerCase() === value.toLowerCase();
  return operator === '==' ? equal : !equal;
}

/** The node's value of a constraint's key; empty for a label that it does not have. */
export function nodeProperty(node: Node, key: string): string | undefined {
  const { spec, description } = node;
  switch (key.toLowerCase()) {
    case 'node.id':
      return node.id;
    case 'node.hostname':
      return description.hostname;
    case 'node.role':
      return spec.role;
    case 'node.platform.os':
      return description.os;
    case 'node.platform.arch':
      return description.architecture;
    default:
      return nodeLabel(node, key);
  }
}

/** `node.labels.<key>` or `engine.labels.<key>`; empty when the node has no such label. */
function nodeLabel(node: Node, key: string): string | undefined {
  const lower = key.toLowerCase();
  for (const [prefix, labels] of [
    ['node.labels.', node.spec.labels],
    ['engine.labels.', node.description.engineLabels],
  ] as const) {
    if (lower.startsWith(prefix) && key.length > prefix.length) {
      return labels[key.slice(prefix.length)] ?? '';
    }
  }
  return undefined;
}

function matchesAddress(node: Node, { operator, value }: Constraint): boolean {
  const inside = addressInSubnet(node.description.address, value);
  if (inside === undefined) return false;
  return operator === '==' ? inside : !inside;
}

/** The first of the expressions that the node does not meet. */
export function unmetConstraint(node: Node, expressions: readonly string[]): string | undefined {
  return expressions.find((expression) => !meetsConstraint(node, parseConstraint(expression)));
}
