import { stripVTControlCharacters } from 'node:util';
import type { CliContext, Terminal } from './context.ts';

const spinner = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'] as const;
/** Lines of the terminal that are left to what stands above. */
const keptRows = 2;

/** Lines that are drawn again and again in the same place of a terminal. */
export class LiveText {
  readonly #output: CliContext['output'];
  readonly #terminal: Terminal;
  readonly #beganAt = Date.now();
  #height = 0;
  #frame = 0;

  constructor(output: CliContext['output'], terminal: Terminal) {
    this.#output = output;
    this.#terminal = terminal;
  }

  /** Lines that there is room for below the first. */
  get room(): number {
    return Math.max(1, this.#terminal.rows - keptRows - 1);
  }

  draw(lines: readonly string[]): void {
    const up = this.#height > 0 ? `\r\u001b[${this.#height}A` : '';
    this.#output.note(`${up}${lines.map((line) => `\u001b[2K${line}\n`).join('')}\u001b[J`);
    this.#height = lines.length;
  }

  /** The next picture of what moves. */
  turn(): void {
    this.#frame += 1;
  }

  /** A line that stays above what is drawn. */
  note(line: string): void {
    if (this.#height > 0) this.#output.note(`\r\u001b[${this.#height}A\u001b[J`);
    this.#height = 0;
    this.#output.note(`${line}\n`);
  }

  /** What is drawn stays; what comes next stands below. */
  leave(): void {
    this.#frame = 0;
    this.#height = 0;
  }

  mark(isDone: boolean, isTroubled = false): string {
    const { notePaint } = this.#output;
    if (isDone) return notePaint('green', '✔');
    if (isTroubled) return notePaint('red', '✘');
    return notePaint('yellow', spinner[this.#frame % spinner.length] ?? '…');
  }

  /** Time since the beginning. */
  passed(): string {
    return `${Math.floor((Date.now() - this.#beganAt) / 1_000)} s`;
  }

  /** Both on one line; of what does not fit the end is left out. */
  fit(text: string, dim: string): string {
    const used = visibleLength(text) + 2;
    const room = this.#terminal.columns - 1 - used;
    const rest = dim.length <= room ? dim : `${dim.slice(0, Math.max(0, room - 1))}…`;
    return dim === '' || room < 2 ? text : `${text}  ${this.#output.notePaint('dim', rest)}`;
  }
}

/** Without what only colours it. */
function visibleLength(text: string): number {
  return stripVTControlCharacters(text).length;
}
