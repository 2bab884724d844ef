import { TuttiError } from '../lib/error.ts';

export interface Finding {
  readonly severity: 'error' | 'warning';
  /** `services.web.ports[0]`. */
  readonly path: string;
  /** A sentence: what is wrong with which value, and what to do or what happens instead. */
  readonly message: string;
}

/** Collects what is wrong with a document, so that a person hears of everything at once. */
export class Findings {
  readonly #all: Finding[] = [];
  readonly #unset = new Map<string, string[]>();

  error(path: string, message: string): void {
    this.#all.push({ severity: 'error', path, message });
  }

  warn(path: string, message: string): void {
    this.#all.push({ severity: 'warning', path, message });
  }

  /** Remembers that a value has an empty string where a variable without a value stood. */
  unset(path: string, variable: string): void {
    const paths = this.#unset.get(variable);
    if (paths === undefined) this.#unset.set(variable, [path]);
    else paths.push(path);
  }

  /** What to tell: each variable once, though it may stand in many places. */
  get warnings(): readonly Finding[] {
    const variables = [...this.#unset].map(([variable, paths]): Finding => {
      const more = paths.length > 1 ? `, here and in ${paths.length - 1} more` : '';
      const message = `the variable ${variable} is not set; it became an empty string${more}`;
      return { severity: 'warning', path: paths[0] ?? '', message };
    });
    return [...variables, ...this.#all.filter((finding) => finding.severity === 'warning')];
  }

  /** Variables without a value that stood in the value at the path, or in one below it. */
  #unsetAt(path: string): readonly string[] {
    const isWithin = (one: string): boolean =>
      one === path || one.startsWith(`${path}.`) || one.startsWith(`${path}[`);
    return [...this.#unset].flatMap(([name, paths]) => (paths.some(isWithin) ? [name] : []));
  }

  /** @throws TuttiError `invalid-argument` with every error, one a line, where there is any. */
  throwErrors(): void {
    const errors = this.#all.filter((finding) => finding.severity === 'error');
    const first = errors[0];
    if (first === undefined) return;
    const message = errors.map((finding) => this.#describe(finding)).join('\n');
    throw new TuttiError('invalid-argument', message, { field: first.path });
  }

  #describe({ path, message }: Finding): string {
    const names = this.#unsetAt(path);
    if (names.length === 0) return `${path}: ${message}`;
    return `${path}: ${message} (not set: ${names.join(', ')})`;
  }
}
