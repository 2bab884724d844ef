import { TuttiError } from '../lib/error.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

export interface Interpolation {
  readonly text: string;
  /** Variables that were neither set nor had a default; they became the empty string. */
  readonly unset: readonly string[];
}

const nameCharacter = /[A-Za-z0-9_]/;
const nameStart = /[A-Za-z_]/;
/** Of a value that is wrong: scripts may stand in it. */
const shownCharacters = 40;

/**
 * Replaces `$NAME`, `${NAME}` and the forms with `:-`, `-`, `:?`, `?`, `:+` and `+`, nested ones
 * too; `$$` is a dollar sign. Source: compose-spec "Interpolation".
 *
 * @throws TuttiError `invalid-argument` for a malformed expression or a required variable that is
 * missing.
 */
export function interpolate(template: string, environment: Environment): Interpolation {
  const unset = new Set<string>();
  const text = new Expander(template, { environment, unset }).whole();
  return { text, unset: [...unset] };
}

class Expander {
  readonly #template: string;
  readonly #environment: Environment;
  readonly #unset: Set<string>;
  #position = 0;
  /** Where the expression begins that is read now. */
  #dollarAt = 0;

  constructor(
    template: string,
    scope: { readonly environment: Environment; readonly unset: Set<string> },
  ) {
    this.#template = template;
    this.#environment = scope.environment;
    this.#unset = scope.unset;
  }

  whole(): string {
    return this.#until(undefined);
  }

  #until(end: string | undefined): string {
    let text = '';
    while (this.#position < this.#template.length) {
      const character = this.#template[this.#position];
      if (character === end) return text;
      if (character === '$') text += this.#dollar();
      else {
        text += character;
        this.#position += 1;
      }
    }
    if (end !== undefined) throw this.#malformed();
    return text;
  }

  #dollar(): string {
    this.#dollarAt = this.#position;
    const next = this.#template[this.#position + 1] ?? '';
    if (next === '$') {
      this.#position += 2;
      return '$';
    }
    if (next === '{') {
      this.#position += 2;
      return this.#braced();
    }
    if (!nameStart.test(next)) throw this.#malformed();
    this.#position += 1;
    return this.#value(this.#name());
  }

  #name(): string {
    const start = this.#position;
    while (nameCharacter.test(this.#template[this.#position] ?? '')) this.#position += 1;
    return this.#template.slice(start, this.#position);
  }

  #braced(): string {
    const name = this.#name();
    if (name === '' || !nameStart.test(name[0] ?? '')) throw this.#malformed();
    const orEmpty = this.#template[this.#position] === ':';
    if (orEmpty) this.#position += 1;
    const operator = this.#template[this.#position] ?? '';
    if (operator === '}' && !orEmpty) {
      this.#position += 1;
      return this.#value(name);
    }
    if (!'-?+'.includes(operator) || operator === '') throw this.#malformed();
    this.#position += 1;
    return this.#withOperand(name, { operator, orEmpty });
  }

  #withOperand(
    name: string,
    { operator, orEmpty }: { readonly operator: string; readonly orEmpty: boolean },
  ): string {
    const value = this.#environment[name];
    const present = value !== undefined && !(orEmpty && value === '');
    const unsetBefore = new Set(this.#unset);
    const operand = this.#until('}');
    this.#position += 1;
    const operandUsed = operator === '+' ? present : !present;
    if (!operandUsed) {
      // What the unused branch names is nobody's concern.
      for (const one of this.#unset) if (!unsetBefore.has(one)) this.#unset.delete(one);
    }
    if (operator === '+') return present ? operand : '';
    if (present) return value;
    if (operator === '-') return operand;
    const why = operand === '' ? 'it must be set' : operand;
    throw new TuttiError(
      'invalid-argument',
      `required variable ${name} is missing a value: ${why}`,
      {
        hint: `Set ${name} in the environment or in the .env file beside the document.`,
      },
    );
  }

  #value(name: string): string {
    const value = this.#environment[name];
    if (value === undefined) this.#unset.add(name);
    return value ?? '';
  }

  #malformed(): TuttiError {
    const line = this.#template.slice(this.#dollarAt).split('\n')[0] ?? '';
    const shown = line.length > shownCharacters ? `${line.slice(0, shownCharacters)}…` : line;
    return new TuttiError(
      'invalid-argument',
      `invalid interpolation format at "${shown}": expected $NAME or \${NAME}`,
      { hint: 'Write $$ where a literal dollar sign is meant.' },
    );
  }
}
