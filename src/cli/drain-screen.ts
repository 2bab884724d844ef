import type { DrainingTask, DrainReport } from '../model/report.ts';
import type { CliContext } from './context.ts';
import { plural } from './describe.ts';
import { type Screen, silentScreen } from './follow.ts';
import { LiveText } from './live-text.ts';

export interface DrainView {
  /** How the node is called. */
  readonly node: string;
}

/** Nothing for programs, lines that rewrite themselves on a terminal, a line a change elsewhere. */
export function openDrainScreen(context: CliContext, view: DrainView): Screen<DrainReport> {
  if (context.json) return silentScreen;
  const { output } = context;
  return output.terminal === undefined
    ? new LineScreen(output, view)
    : new TerminalScreen(new LiveText(output, output.terminal), view);
}

class LineScreen implements Screen<DrainReport> {
  readonly #output: CliContext['output'];
  readonly #view: DrainView;
  readonly #told = new Set<string>();
  #left = -1;

  constructor(output: CliContext['output'], view: DrainView) {
    this.#output = output;
    this.#view = view;
  }

  show({ left }: DrainReport): void {
    if (left.length !== this.#left) {
      this.#left = left.length;
      if (left.length > 0) this.note(`${this.#view.node}: ${plural(left.length, 'task')} left`);
    }
    for (const task of left) {
      if (task.step === 'waits') continue;
      const line = `${task.name} ${task.step}: ${task.why}`;
      if (this.#told.has(line)) continue;
      this.#told.add(line);
      this.note(line);
    }
  }

  tick(): void {
    // Time alone is no change.
  }

  note(line: string): void {
    this.#output.note(`${line}\n`);
  }

  close(): void {
    // Every line stands.
  }
}

const order: Readonly<Record<DrainingTask['step'], number>> = { moves: 0, stops: 1, waits: 2 };

/** How many are left, and a line for each that is on its way. */
class TerminalScreen implements Screen<DrainReport> {
  readonly #text: LiveText;
  readonly #view: DrainView;
  #most = 0;
  #last: DrainReport | undefined;

  constructor(text: LiveText, view: DrainView) {
    this.#text = text;
    this.#view = view;
  }

  show(report: DrainReport): void {
    this.#last = report;
    this.#most = Math.max(this.#most, report.left.length);
    this.#draw();
  }

  tick(): void {
    this.#text.turn();
    this.#draw();
  }

  note(line: string): void {
    this.#text.note(line);
  }

  close(): void {
    this.#draw();
    this.#text.leave();
  }

  #draw(): void {
    if (this.#last === undefined) return;
    const text = this.#text;
    const { left } = this.#last;
    const gone = this.#most - left.length;
    const what = left.length === 0 ? 'empty' : `${gone} of ${plural(this.#most, 'task')} gone`;
    const head = `${text.mark(left.length === 0)} ${this.#view.node}: ${what}`;
    const shown = left
      .toSorted((one, other) => order[one.step] - order[other.step])
      .slice(0, text.room);
    const width = Math.max(0, ...shown.map(({ name }) => name.length));
    const lines = shown.map((task) =>
      text.fit(`  ${task.name.padEnd(width)}  ${task.step}`, task.why),
    );
    text.draw([text.fit(head, text.passed()), ...lines]);
  }
}
