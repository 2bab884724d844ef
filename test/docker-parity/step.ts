/** One command of the docker CLI, given to both sides. */
export interface Step {
  /**
   * Words of the command; `@node` is the id of the side's node, `@begin` and `@soon`
   * when the scenario began and the next second but one, in Unix seconds.
   */
  readonly command: readonly string[];
  readonly stdin?: string;
  /** Repeated until its output matches; only the last output is compared, or none at all. */
  readonly until?: RegExp;
  /**
   * What is asked to wait for something, or to tidy up: its output is not held against the other.
   */
  readonly compared: boolean;
  /** Its lines come from several places at once, in any order. */
  readonly anyOrder?: boolean;
}

/** `run('service ls')`; words with spaces in them go into single quotes. */
export function run(line: string, options: Pick<Step, 'stdin' | 'anyOrder'> = {}): Step {
  return { command: words(line), compared: true, ...options };
}

/** Waits until the command's output matches. */
export function until(line: string, matches: RegExp): Step {
  return { command: words(line), until: matches, compared: false };
}

/** Compared once its output matches. */
export function runUntil(line: string, matches: RegExp): Step {
  return { command: words(line), until: matches, compared: true };
}

/** Not compared. */
export function quietly(line: string): Step {
  return { command: words(line), compared: false };
}

function words(line: string): readonly string[] {
  return [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? '');
}

export function nameOf(step: Step): string {
  return `docker ${step.command.join(' ')}`;
}
