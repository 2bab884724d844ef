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

  error(path: string, message: string): void {
    this.#all.push({ severity: 'error', path, message });
  }

  warn(path: string, message: string): void {
    this.#all.push({ severity: 'warning', path, message });
  }

  get warnings(): readonly Finding[] {
    return this.#all.filter((finding) => finding.severity === 'warning');
  }

  /** @throws TuttiError `invalid-argument` with every error, one a line, where there is any. */
  throwErrors(): void {
    const errors = this.#all.filter((finding) => finding.severity === 'error');
    const first = errors[0];
    if (first === undefined) return;
    const message = errors.map((finding) => `${finding.path}: ${finding.message}`).join('\n');
    throw new TuttiError('invalid-argument', message, { field: first.path });
  }
}
