import { stripVTControlCharacters } from 'node:util';
import type { ServiceReport, StackReport, TaskReport } from '../model/report.ts';
import type { CliContext } from './context.ts';
import { describeCounts, describeService, describeTask, isWorthTelling } from './describe.ts';

/** What is waited for: it changes the words. */
export type Waiting = 'deploy' | 'removal';

/** Shows how a stack comes along, on standard error: standard output holds the result alone. */
export interface Screen {
  show(report: StackReport): void;
  /** Time has passed. */
  tick(): void;
  /** Something that is no state of the stack. */
  note(line: string): void;
  /** The last state stays as it is shown. */
  close(): void;
}

/** Nothing for programs, lines that rewrite themselves on a terminal, a line a change elsewhere. */
export function openScreen(context: CliContext, waiting: Waiting): Screen {
  if (context.json) return silence;
  const { output } = context;
  return output.terminal === undefined
    ? new LineScreen(output, waiting)
    : new TerminalScreen({ output, terminal: output.terminal, waiting });
}

const silence: Screen = {
  show: () => undefined,
  tick: () => undefined,
  note: () => undefined,
  close: () => undefined,
};

/** A line for each change, never the same twice. */
class LineScreen implements Screen {
  readonly #output: CliContext['output'];
  readonly #waiting: Waiting;
  readonly #told = new Set<string>();

  constructor(output: CliContext['output'], waiting: Waiting) {
    this.#output = output;
    this.#waiting = waiting;
  }

  show(report: StackReport): void {
    if (this.#waiting === 'removal') {
      const left = report.tasks.length;
      if (left > 0) this.#once(`${report.name}: ${left} left to stop`);
      return;
    }
    for (const service of report.services) {
      const hasFailed = report.tasks.some(
        (task) => task.service === service.name && task.failure !== undefined,
      );
      // What crashes again and again runs for a moment each time.
      const isThere = service.converged && !hasFailed;
      this.#once(`${describeService(service)}${isThere ? ' converged' : ''}`);
    }
    for (const task of report.tasks) {
      const isGood = task.spent === true && task.state === 'complete';
      if (isWorthTelling(task) && !isGood) this.#once(describeTask(task));
    }
  }

  tick(): void {
    // Time alone is no change.
  }

  note(line: string): void {
    this.#once(line);
  }

  close(): void {
    // Every line stands.
  }

  #once(line: string): void {
    if (this.#told.has(line)) return;
    this.#told.add(line);
    this.#output.note(`${line}\n`);
  }
}

const spinner = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'] as const;
/** Lines of the terminal that are left to what stands above. */
const keptRows = 2;

/** A line for each service, drawn again and again in the same place. */
class TerminalScreen implements Screen {
  readonly #output: CliContext['output'];
  readonly #terminal: { readonly columns: number; readonly rows: number };
  readonly #waiting: Waiting;
  readonly #beganAt = Date.now();
  #height = 0;
  #frame = 0;
  #last: StackReport | undefined;

  constructor(parts: {
    readonly output: CliContext['output'];
    readonly terminal: { readonly columns: number; readonly rows: number };
    readonly waiting: Waiting;
  }) {
    this.#output = parts.output;
    this.#terminal = parts.terminal;
    this.#waiting = parts.waiting;
  }

  show(report: StackReport): void {
    this.#last = report;
    this.#draw();
  }

  tick(): void {
    this.#frame += 1;
    this.#draw();
  }

  note(line: string): void {
    this.#erase();
    this.#output.note(`${line}\n`);
  }

  close(): void {
    this.#frame = 0;
    this.#draw();
    this.#height = 0;
  }

  #erase(): void {
    if (this.#height > 0) this.#output.note(`\r\u001b[${this.#height}A\u001b[J`);
    this.#height = 0;
  }

  #draw(): void {
    const report = this.#last;
    if (report === undefined) return;
    const lines = this.#waiting === 'deploy' ? this.#deployLines(report) : [this.#left(report)];
    const up = this.#height > 0 ? `\r\u001b[${this.#height}A` : '';
    this.#output.note(`${up}${lines.map((line) => `\u001b[2K${line}\n`).join('')}\u001b[J`);
    this.#height = lines.length;
  }

  #left(report: StackReport): string {
    const left = report.tasks.length;
    const isGone = report.services.length + report.networks.length + left === 0;
    const what = isGone ? 'everything is gone' : `${left} left to stop`;
    return this.#fit(`${this.#mark(isGone)} ${report.name}: ${what}`, this.#passed());
  }

  #deployLines(report: StackReport): readonly string[] {
    const { services } = report;
    const ready = services.filter((service) => service.converged).length;
    const head = this.#fit(`${report.name}: ${ready} of ${services.length} ready`, this.#passed());
    const room = Math.max(1, this.#terminal.rows - keptRows - 1);
    // What is still to come stands first where there is no room for all.
    const ordered =
      services.length <= room
        ? services
        : services.toSorted((left, right) => Number(left.converged) - Number(right.converged));
    const shown = ordered.slice(0, room);
    const width = Math.max(0, ...shown.map((service) => service.name.length));
    return [head, ...shown.map((service) => this.#serviceLine(report, { service, width }))];
  }

  #serviceLine(
    report: StackReport,
    { service, width }: { readonly service: ServiceReport; readonly width: number },
  ): string {
    const late = service.converged ? undefined : latest(report, service);
    const mark = this.#mark(service.converged, late?.failure !== undefined || late?.spent === true);
    const counts = describeCounts(service).padEnd(5);
    // The line begins with the service's name already.
    const why = late === undefined ? '' : describeTask(late).slice(service.name.length);
    return this.#fit(`${mark} ${service.name.padEnd(width)}  ${counts}`, why);
  }

  #mark(isDone: boolean, isTroubled = false): string {
    const { notePaint } = this.#output;
    if (isDone) return notePaint('green', '✔');
    if (isTroubled) return notePaint('red', '✘');
    return notePaint('yellow', spinner[this.#frame % spinner.length] ?? '…');
  }

  #passed(): string {
    return `${Math.floor((Date.now() - this.#beganAt) / 1_000)} s`;
  }

  /** Both on one line; of what does not fit the end is left out. */
  #fit(text: string, dim: string): string {
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

/** The task that a person wants to hear of first: one in trouble, else one on its way. */
function latest(report: StackReport, service: ServiceReport): TaskReport | undefined {
  const tasks = report.tasks.filter(
    (task) => task.service === service.name && task.state !== 'running',
  );
  return tasks.find((task) => task.failure !== undefined || task.spent === true) ?? tasks[0];
}
