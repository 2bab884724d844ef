import type { CliContext } from './context.ts';
import { type Screen, silentScreen } from './follow.ts';
import { LiveText } from './live-text.ts';

/** How reports of one kind are shown. */
export interface ReportView<Report> {
  /** What there is to say of a report where only lines can be written; each is told once. */
  lines(report: Report): readonly string[];
  /** A report on a terminal, in the place of the one before. */
  picture(report: Report, text: LiveText): readonly string[];
}

/** Nothing for programs, lines that rewrite themselves on a terminal, a line a change elsewhere. */
export function openReportScreen<Report>(
  context: CliContext,
  view: ReportView<Report>,
): Screen<Report> {
  if (context.json) return silentScreen;
  const { output } = context;
  return output.terminal === undefined
    ? linesOf(output, view)
    : picturesOf(new LiveText(output, output.terminal), view);
}

function linesOf<Report>(output: CliContext['output'], view: ReportView<Report>): Screen<Report> {
  const told = new Set<string>();
  const tell = (line: string): void => {
    if (told.has(line)) return;
    told.add(line);
    output.note(`${line}\n`);
  };
  return {
    show: (report) => view.lines(report).forEach(tell),
    // Time alone is no change.
    tick: () => undefined,
    note: tell,
    close: () => undefined,
  };
}

function picturesOf<Report>(text: LiveText, view: ReportView<Report>): Screen<Report> {
  let draw = (): void => undefined;
  return {
    show: (report) => {
      draw = () => text.draw(view.picture(report, text));
      draw();
    },
    tick: () => {
      text.turn();
      draw();
    },
    note: (line) => text.note(line),
    close: () => {
      draw();
      text.leave();
    },
  };
}
