import { TuttiError } from '../lib/error.ts';

/** A value of an expression, or how to get it. */
export type Operand =
  | { readonly kind: 'literal'; readonly value: string | number | boolean }
  /** `.Service.Name`; `.` itself has no names. */
  | { readonly kind: 'field'; readonly names: readonly string[] }
  | { readonly kind: 'pipeline'; readonly pipeline: Pipeline };

/** A function and its arguments, or a single operand. */
export interface Command {
  readonly function?: string;
  readonly operands: readonly Operand[];
}

/** Commands, each of which takes the value of the one before as its last argument. */
export type Pipeline = readonly Command[];

export type TemplateNode =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'print'; readonly pipeline: Pipeline; readonly source: string }
  | {
      readonly kind: 'if';
      readonly condition: Pipeline;
      readonly source: string;
      readonly accepted: readonly TemplateNode[];
      readonly otherwise: readonly TemplateNode[];
    };

const token =
  /\s*(?:(?<string>"(?:[^"\\\n]|\\.)*")|`(?<raw>[^`]*)`|(?<number>-?\d+)(?![\w.])|(?<field>\.(?:[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)?)|(?<word>[A-Za-z_]\w*)|(?<sign>[|()]))/y;

const unsupported = new Set(['range', 'with', 'define', 'template', 'block', 'break', 'continue']);

/** Deeper nesting is nobody's template, and would be a deep stack. */
const deepest = 50;

/**
 * Reads a template of Go's text/template (https://pkg.go.dev/text/template): text, comments, trim
 * markers, pipelines of functions and fields, and `if … else … end`. Throws `invalid-argument` with
 * the action that is wrong, and `unimplemented` for what else the language has.
 */
export function parseTemplate(text: string): readonly TemplateNode[] {
  const root: TemplateNode[] = [];
  const open: OpenIf[] = [];
  let nodes = root;
  for (const piece of piecesOf(text)) {
    if (piece.kind === 'text') {
      nodes.push(piece);
      continue;
    }
    const { source } = piece;
    const parser = new ActionParser(piece.inside, source);
    const keyword = parser.keyword();
    if (keyword === undefined) {
      nodes.push({ kind: 'print', pipeline: parser.all(), source });
    } else if (keyword === 'if') {
      if (open.length >= deepest) throw malformed(source, `it is nested more than ${deepest} deep`);
      nodes = opened(nodes, { open, condition: parser.all(), source, closes: 1 });
    } else {
      const last = open.at(-1);
      if (last === undefined) throw malformed(source, 'there is no {{if}} before it');
      if (keyword === 'end') {
        parser.nothingElse();
        for (let count = last.closes; count > 0; count -= 1) nodes = open.pop()?.parent ?? root;
      } else if (last.isElse) {
        throw malformed(source, 'the {{if}} has an {{else}} already');
      } else {
        last.isElse = true;
        nodes = last.otherwise;
        if (parser.isIf()) {
          const closes = last.closes + 1;
          nodes = opened(nodes, { open, condition: parser.all(), source, closes });
        } else {
          parser.nothingElse();
        }
      }
    }
  }
  const left = open.at(-1);
  if (left !== undefined) throw malformed(left.source, 'it has no {{end}}');
  return root;
}

interface OpenIf {
  readonly source: string;
  readonly parent: TemplateNode[];
  readonly otherwise: TemplateNode[];
  /** How many ifs its end closes: each `else if` opens one more. */
  readonly closes: number;
  isElse: boolean;
}

function opened(
  parent: TemplateNode[],
  of: {
    readonly open: OpenIf[];
    readonly condition: Pipeline;
    readonly source: string;
    readonly closes: number;
  },
): TemplateNode[] {
  const { open, condition, source, closes } = of;
  const accepted: TemplateNode[] = [];
  const otherwise: TemplateNode[] = [];
  parent.push({ kind: 'if', condition, source, accepted, otherwise });
  open.push({ source, parent, otherwise, closes, isElse: false });
  return accepted;
}

type Piece =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'action'; readonly inside: string; readonly source: string };

/** Text and actions in turn, with the spaces gone that trim markers take away. */
function piecesOf(text: string): readonly Piece[] {
  const pieces: Piece[] = [];
  let trim = false;
  let at = 0;
  for (;;) {
    const start = text.indexOf('{{', at);
    const raw = text.slice(at, start < 0 ? undefined : start);
    const begun = trim ? raw.trimStart() : raw;
    const left = start >= 0 && /^-\s/.test(text.slice(start + 2, start + 4));
    const part = left ? begun.trimEnd() : begun;
    if (part !== '') pieces.push({ kind: 'text', text: part });
    if (start < 0) return pieces;
    const end = endOfAction(text, start);
    const source = text.slice(start, end);
    const inside = source.slice(left ? 3 : 2, -2);
    trim = /\s-$/.test(inside);
    at = end;
    const body = trim ? inside.slice(0, -1) : inside;
    if (!/^\s*\/\*[\s\S]*\*\/\s*$/.test(body)) {
      pieces.push({ kind: 'action', inside: body, source });
    }
  }
}

/** Quotes and comments, by how they begin: how they end. */
const enclosed: readonly (readonly [string, string])[] = [
  ['"', '"'],
  ['`', '`'],
  ['/*', '*/'],
];

/** Where the action that begins at `start` is over; braces in quotes and comments are none. */
function endOfAction(text: string, start: number): number {
  let at = start + 2;
  while (at < text.length) {
    if (text.startsWith('}}', at)) return at + 2;
    const pair = enclosed.find(([begin]) => text.startsWith(begin, at));
    at = pair === undefined ? at + 1 : endOfEnclosed(text, { at, pair });
  }
  throw malformed(text.slice(start, start + 40), 'it has no }}');
}

function endOfEnclosed(
  text: string,
  of: { readonly at: number; readonly pair: readonly [string, string] },
): number {
  const [begin, end] = of.pair;
  for (let at = of.at + begin.length; at < text.length; at += 1) {
    if (text.startsWith(end, at)) return at + end.length;
    if (begin === '"' && text[at] === '\\') at += 1;
  }
  throw malformed(text.slice(of.at, of.at + 40), `it has no ${end}`);
}

type Token =
  | { readonly kind: 'operand'; readonly operand: Operand }
  | { readonly kind: 'word'; readonly word: string }
  | { readonly kind: 'sign'; readonly sign: string };

/** Reads what is between the braces. */
class ActionParser {
  readonly #tokens: Token[];
  readonly #source: string;

  constructor(inside: string, source: string) {
    this.#source = source;
    this.#tokens = tokensOf(inside, source);
  }

  /** Takes a leading keyword; `undefined`: it is an expression. */
  keyword(): 'if' | 'else' | 'end' | undefined {
    const [first] = this.#tokens;
    if (first?.kind !== 'word') return undefined;
    const { word } = first;
    if (unsupported.has(word)) {
      throw new TuttiError('unimplemented', `${shown(this.#source)}: ${word} is not supported`, {
        hint: 'Placeholders, functions and if … else … end are.',
      });
    }
    if (word !== 'if' && word !== 'else' && word !== 'end') return undefined;
    this.#tokens.shift();
    return word;
  }

  /** Takes the `if` of an `else if`. */
  isIf(): boolean {
    const [first] = this.#tokens;
    if (first?.kind !== 'word' || first.word !== 'if') return false;
    this.#tokens.shift();
    return true;
  }

  nothingElse(): void {
    if (this.#tokens.length > 0) throw malformed(this.#source, 'something is left over');
  }

  all(): Pipeline {
    const pipeline = this.#pipeline(0);
    this.nothingElse();
    return pipeline;
  }

  #pipeline(depth: number): Pipeline {
    const commands: Command[] = [];
    for (;;) {
      commands.push(this.#command(depth));
      const [next] = this.#tokens;
      if (next?.kind !== 'sign' || next.sign !== '|') return commands;
      this.#tokens.shift();
    }
  }

  #command(depth: number): Command {
    const [first] = this.#tokens;
    const called = first?.kind === 'word' ? first.word : undefined;
    if (called !== undefined) this.#tokens.shift();
    const operands: Operand[] = [];
    for (;;) {
      const operand = this.#operand(depth);
      if (operand === undefined) break;
      operands.push(operand);
    }
    if (called !== undefined) return { function: called, operands };
    if (operands.length === 1) return { operands };
    const why = operands.length === 0 ? 'a value is missing' : 'a value is no function';
    throw malformed(this.#source, why);
  }

  #operand(depth: number): Operand | undefined {
    const [next] = this.#tokens;
    if (next?.kind === 'operand') {
      this.#tokens.shift();
      return next.operand;
    }
    if (next?.kind === 'word') {
      this.#tokens.shift();
      const pipeline = [{ function: next.word, operands: [] }];
      return { kind: 'pipeline', pipeline };
    }
    if (next?.kind !== 'sign' || next.sign !== '(') return undefined;
    if (depth >= deepest) throw malformed(this.#source, 'it has too many parentheses');
    this.#tokens.shift();
    const pipeline = this.#pipeline(depth + 1);
    const close = this.#tokens.shift();
    if (close?.kind !== 'sign' || close.sign !== ')') throw malformed(this.#source, ') is missing');
    return { kind: 'pipeline', pipeline };
  }
}

function tokensOf(inside: string, source: string): Token[] {
  const tokens: Token[] = [];
  const end = inside.trimEnd().length;
  token.lastIndex = 0;
  for (let at = 0; at < end; at = token.lastIndex) {
    token.lastIndex = at;
    const groups = token.exec(inside)?.groups;
    if (groups === undefined)
      throw malformed(source, `${inside.slice(at).trim()} is not understood`);
    tokens.push(tokenOf(groups, source));
  }
  return tokens;
}

function tokenOf(groups: Readonly<Record<string, string | undefined>>, source: string): Token {
  const { string, raw, number, field, word, sign } = groups;
  const literal = (value: string | number | boolean): Token => ({
    kind: 'operand',
    operand: { kind: 'literal', value },
  });
  if (string !== undefined) return literal(unquoted(string, source));
  if (raw !== undefined) return literal(raw);
  if (number !== undefined) return literal(Number(number));
  if (field !== undefined) {
    const names = field.split('.').filter((name) => name !== '');
    return { kind: 'operand', operand: { kind: 'field', names } };
  }
  if (word === 'true' || word === 'false') return literal(word === 'true');
  if (word !== undefined) return { kind: 'word', word };
  return { kind: 'sign', sign: sign ?? '' };
}

/** Escapes that Go and JSON share. */
function unquoted(text: string, source: string): string {
  try {
    return JSON.parse(text) as string;
  } catch {
    throw malformed(source, `${text} has an escape that is not understood`);
  }
}

export function malformed(source: string, why: string): TuttiError {
  return new TuttiError('invalid-argument', `the placeholder ${shown(source)}: ${why}`);
}

function shown(source: string): string {
  return source.length > 80 ? `${source.slice(0, 77)}…` : source;
}
