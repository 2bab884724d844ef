/** One of the two that the same commands are given to. */
export interface Side {
  readonly name: 'swarm' | 'tutti';
  /** What the docker CLI talks to. */
  readonly socketPath: string;
}

/** One command of the docker CLI, given to both sides. */
export interface Step {
  /**
   * Words of the command; `@node` is the id of the side's node, `@task:w` that of the first task of
   * the service `w`, `@container:w` that of its container, `@begin` and `@soon` when the scenario
   * began and the next second but one, in Unix seconds.
   */
  readonly command: readonly string[];
  readonly stdin?: string;
  /**
   * Runs on a terminal; the lines that match are its output. A terminal repeats what is typed, once
   * or twice, as its settings happen to be at that moment.
   */
  readonly terminal?: RegExp;
  /** Variables of the docker command's environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** Repeated until its output matches; only the last output is compared, or none at all. */
  readonly until?: RegExp;
  /**
   * What is asked to wait for something, or to tidy up: its output is not held against the other.
   */
  readonly compared: boolean;
  /** Its lines come from several places at once, in any order. */
  readonly anyOrder?: boolean;
}

/** Commands that follow one another. */
export type Track = readonly Step[];

/** Tracks that are gone through at the same time; none may see what another changes. */
export type Chapter = readonly Track[];

/** All steps, in the order in which their outputs are kept. */
export function stepsOf(chapters: readonly Chapter[]): readonly Step[] {
  return chapters.flat(2);
}

/** `run('service ls')`; words with spaces in them go into single quotes. */
export function run(
  line: string,
  options: Pick<Step, 'stdin' | 'env' | 'anyOrder' | 'terminal'> = {},
): Step {
  return { command: words(line), compared: true, ...options };
}

/** Waits until the command's output matches. */
export function until(line: string, matches: RegExp): Step {
  return { command: words(line), until: matches, compared: false };
}

/** Compared once its output matches. */
export function runUntil(
  line: string,
  matches: RegExp,
  options: Pick<Step, 'anyOrder'> = {},
): Step {
  return { command: words(line), until: matches, compared: true, ...options };
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
