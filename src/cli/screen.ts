import type { ServiceReport, StackReport, TaskReport } from '../model/report.ts';
import type { CliContext } from './context.ts';
import { describeCounts, describeService, describeTask, isWorthTelling } from './describe.ts';
import { type Screen, silentScreen } from './follow.ts';
import { LiveText } from './live-text.ts';

/** What is waited for: it changes the words. */
export type Waiting = 'deploy' | 'removal';

/** Nothing for programs, lines that rewrite themselves on a terminal, a line a change elsewhere. */
export function openScreen(context: CliContext, waiting: Waiting): Screen<StackReport> {
  if (context.json) return silentScreen;
  const { output } = context;
  return output.terminal === undefined
    ? new LineScreen(output, waiting)
    : new TerminalScreen(new LiveText(output, output.terminal), waiting);
}

/** A line for each change, never the same twice. */
class LineScreen implements Screen<StackReport> {
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

/** A line for each service, drawn again and again in the same place. */
class TerminalScreen implements Screen<StackReport> {
  readonly #text: LiveText;
  readonly #waiting: Waiting;
  #last: StackReport | undefined;

  constructor(text: LiveText, waiting: Waiting) {
    this.#text = text;
    this.#waiting = waiting;
  }

  show(report: StackReport): void {
    this.#last = report;
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
    const report = this.#last;
    if (report === undefined) return;
    this.#text.draw(this.#waiting === 'deploy' ? this.#deployLines(report) : [this.#left(report)]);
  }

  #left(report: StackReport): string {
    const text = this.#text;
    const left = report.tasks.length;
    const isGone = report.services.length + report.networks.length + left === 0;
    const what = isGone ? 'everything is gone' : `${left} left to stop`;
    return text.fit(`${text.mark(isGone)} ${report.name}: ${what}`, text.passed());
  }

  #deployLines(report: StackReport): readonly string[] {
    const text = this.#text;
    const { services } = report;
    const ready = services.filter((service) => service.converged).length;
    const head = text.fit(`${report.name}: ${ready} of ${services.length} ready`, text.passed());
    // What is still to come stands first where there is no room for all.
    const ordered =
      services.length <= text.room
        ? services
        : services.toSorted((left, right) => Number(left.converged) - Number(right.converged));
    const shown = ordered.slice(0, text.room);
    const width = Math.max(0, ...shown.map((service) => service.name.length));
    return [head, ...shown.map((service) => this.#serviceLine(report, { service, width }))];
  }

  #serviceLine(
    report: StackReport,
    { service, width }: { readonly service: ServiceReport; readonly width: number },
  ): string {
    const late = service.converged ? undefined : latest(report, service);
    const isTroubled = late?.failure !== undefined || late?.spent === true;
    const mark = this.#text.mark(service.converged, isTroubled);
    const counts = describeCounts(service).padEnd(5);
    // The line begins with the service's name already.
    const why = late === undefined ? '' : describeTask(late).slice(service.name.length);
    return this.#text.fit(`${mark} ${service.name.padEnd(width)}  ${counts}`, why);
  }
}

/** The task that a person wants to hear of first: one in trouble, else one on its way. */
function latest(report: StackReport, service: ServiceReport): TaskReport | undefined {
  const tasks = report.tasks.filter(
    (task) => task.service === service.name && task.state !== 'running',
  );
  return tasks.find((task) => task.failure !== undefined || task.spent === true) ?? tasks[0];
}
