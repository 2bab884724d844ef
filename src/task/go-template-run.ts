import { TuttiError } from '../lib/error.ts';
import type { Command, Operand, Pipeline, TemplateNode } from './go-template-parse.ts';
import { malformed } from './go-template-parse.ts';

/** A field that has fields of its own; a `Map` holds keys that people chose. */
export interface Fields {
  readonly [name: string]: Value;
}

export type Value = string | number | boolean | Fields | ReadonlyMap<string, string>;

export type TemplateFunction = (values: readonly Value[]) => Value;

export interface TemplateData {
  /** What `.` is. */
  readonly root: Fields;
  /** Besides those of the language. */
  readonly functions: ReadonlyMap<string, TemplateFunction>;
}

/** Throws `invalid-argument` with the action that has no value. */
export function runTemplate(nodes: readonly TemplateNode[], data: TemplateData): string {
  return nodes
    .map((node) => {
      switch (node.kind) {
        case 'text':
          return node.text;
        case 'print':
          return printed(evaluate(node, node.pipeline, data), node.source);
        case 'if':
          return runTemplate(
            isTrue(evaluate(node, node.condition, data)) ? node.accepted : node.otherwise,
            data,
          );
      }
    })
    .join('');
}

function evaluate(
  node: { readonly source: string },
  pipeline: Pipeline,
  data: TemplateData,
): Value {
  try {
    return pipelineValue(pipeline, data);
  } catch (error) {
    const { code, message, hint } = TuttiError.from(error);
    if (code === 'internal') throw error;
    const named = malformed(node.source, message);
    throw new TuttiError(code, named.message, hint === undefined ? {} : { hint });
  }
}

function pipelineValue(pipeline: Pipeline, data: TemplateData): Value {
  let value: Value | undefined;
  for (const command of pipeline) value = commandValue(command, value, data);
  return value ?? '';
}

function commandValue(command: Command, before: Value | undefined, data: TemplateData): Value {
  const values = command.operands.map((operand) => operandValue(operand, data));
  if (before !== undefined) values.push(before);
  const { function: name } = command;
  if (name === undefined) {
    if (values.length > 1) throw wrong('only a function can take what comes before the |');
    return values[0] ?? '';
  }
  const run = data.functions.get(name) ?? builtIn.get(name);
  if (run !== undefined) return run(values);
  const known = [...data.functions.keys(), ...builtIn.keys()].join(', ');
  throw wrong(`there is no function ${name}`, `Functions are ${known}.`);
}

function operandValue(operand: Operand, data: TemplateData): Value {
  switch (operand.kind) {
    case 'literal':
      return operand.value;
    case 'field':
      return fieldValue(operand.names, data.root);
    case 'pipeline':
      return pipelineValue(operand.pipeline, data);
  }
}

function fieldValue(names: readonly string[], root: Fields): Value {
  let value: Value = root;
  let path = '';
  for (const name of names) {
    const next = memberOf(value, name);
    if (next === undefined) {
      if (isMap(value)) throw wrong(`${path} has no entry ${name}`);
      throw wrong(
        `${path}.${name} means nothing here`,
        `Use ${pathsBelow('', root).join(', ')}; to keep braces as they are, write {{"{{"}}.`,
      );
    }
    path = `${path}.${name}`;
    value = next;
  }
  return value;
}

function memberOf(value: Value, name: string): Value | undefined {
  if (isMap(value)) return value.get(name);
  if (typeof value !== 'object') return undefined;
  return Object.hasOwn(value, name) ? value[name] : undefined;
}

function isMap(value: Value | undefined): value is ReadonlyMap<string, string> {
  return value instanceof Map;
}

function pathsBelow(path: string, fields: Fields): readonly string[] {
  return Object.entries(fields).flatMap(([name, value]) =>
    typeof value !== 'object' || isMap(value)
      ? [`${path}.${name}`]
      : pathsBelow(`${path}.${name}`, value),
  );
}

function printed(value: Value, source: string): string {
  if (typeof value !== 'object') return String(value);
  throw malformed(source, 'it stands for several values; name one of them');
}

/** As in Go: what is empty is false. */
function isTrue(value: Value): boolean {
  if (isMap(value)) return value.size > 0;
  return typeof value === 'object' || Boolean(value);
}

const builtIn: ReadonlyMap<string, TemplateFunction> = new Map<string, TemplateFunction>([
  ['index', indexed],
  ['eq', ([first, ...others]) => others.some((other) => other === first)],
  ['ne', ([first, second]) => first !== second],
  ['and', (values) => values.find((value) => !isTrue(value)) ?? values.at(-1) ?? ''],
  ['or', (values) => values.find(isTrue) ?? values.at(-1) ?? ''],
  ['not', ([value]) => value === undefined || !isTrue(value)],
  ['len', ([value]) => (isMap(value) ? value.size : byteLength(textOf(value, 'len')))],
  ['print', printedTogether],
  ['printf', formatted],
  // The only one that Swarm adds: the separator comes first.
  [
    'join',
    ([separator, ...parts]) =>
      parts.map((part) => textOf(part, 'join')).join(textOf(separator, 'join')),
  ],
]);

function indexed([map, key, ...others]: readonly Value[]): Value {
  if (!isMap(map) || typeof key !== 'string' || others.length > 0) {
    throw wrong('index takes a map and a key, as in index .Service.Labels "tier"');
  }
  return map.get(key) ?? '';
}

function byteLength(text: string): number {
  return new TextEncoder().encode(text).length;
}

/** As Go's Sprint: with a space between two values of which neither is text. */
function printedTogether(values: readonly Value[]): Value {
  let text = '';
  let wasText = true;
  for (const value of values) {
    const isText = typeof value === 'string';
    text += `${wasText || isText ? '' : ' '}${textOf(value, 'print')}`;
    wasText = isText;
  }
  return text;
}

/** The verbs that make sense of text and whole numbers. */
function formatted([format, ...values]: readonly Value[]): string {
  const left = [...values];
  const filled = textOf(format, 'printf').replace(/%(.)/g, (verb, letter: string) => {
    if (letter === '%') return '%';
    const value = left.shift();
    const text = textOf(value, 'printf');
    if (letter === 'v') return text;
    if (letter === 'd' && typeof value === 'number') return text;
    if (letter === 's' && typeof value === 'string') return text;
    if (letter === 'q' && typeof value === 'string') return JSON.stringify(value);
    if ('dsq'.includes(letter)) throw wrong(`${verb} does not fit the value ${text}; use %v`);
    throw wrong(`printf does not know ${verb}; use %s, %v, %d, %q and %%`);
  });
  if (left.length > 0) throw wrong('printf has more values than verbs');
  return filled;
}

function textOf(value: Value | undefined, name: string): string {
  if (value === undefined) throw wrong(`${name} lacks a value`);
  if (typeof value === 'object') throw wrong(`${name} takes no map`);
  return String(value);
}

function wrong(message: string, hint?: string): TuttiError {
  return new TuttiError('invalid-argument', message, hint === undefined ? {} : { hint });
}
