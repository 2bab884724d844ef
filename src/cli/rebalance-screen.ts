import type { RebalancedService, RebalanceReport } from '../model/rebalance.ts';
import type { CliContext } from './context.ts';
import { type Screen, silentScreen } from './follow.ts';
import { LiveText } from './live-text.ts';

/**
 * Nothing for programs, lines that rewrite themselves on a terminal, a line a change elsewhere.
 *
 * @param planned How many tasks were to be moved at the beginning.
 */
export function openRebalanceScreen(context: CliContext, planned: number): Screen<RebalanceReport> {
  if (context.json) return silentScreen;
  const { output } = context;
  return output.terminal === undefined
    ? new LineScreen(output)
    : new TerminalScreen(new LiveText(output, output.terminal), planned);
}

/** What a service is at; none: nothing that a person wants to read. */
function describeNow({ service, moving, waits }: RebalancedService): string | undefined {
  if (moving !== undefined) return `${moving.task}: ${moving.from} → ${moving.to}`;
  return waits === undefined ? undefined : `${service} waits: ${waits}`;
}

class LineScreen implements Screen<RebalanceReport> {
  readonly #output: CliContext['output'];
  /** By service, what was told last. */
  readonly #told = new Map<string, string>();

  constructor(output: CliContext['output']) {
    this.#output = output;
  }

  show({ services }: RebalanceReport): void {
    for (const service of services) {
      const line = service.state === 'running' ? describeNow(service) : undefined;
      if (line === undefined || this.#told.get(service.service) === line) continue;
      this.#told.set(service.service, line);
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

/** How many were moved, and a line for each service that is busy. */
class TerminalScreen implements Screen<RebalanceReport> {
  readonly #text: LiveText;
  readonly #planned: number;
  #last: RebalanceReport | undefined;

  constructor(text: LiveText, planned: number) {
    this.#text = text;
    this.#planned = planned;
  }

  show(report: RebalanceReport): void {
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
    if (this.#last === undefined) return;
    const text = this.#text;
    const { running, services } = this.#last;
    const moved = services.reduce((sum, service) => sum + service.moved, 0);
    const hasStopped = services.some(({ state }) => state === 'stopped');
    const of = this.#planned > moved ? ` of ${this.#planned}` : '';
    const head = `${text.mark(!running && !hasStopped, hasStopped)} ${moved}${of} moved`;
    const busy = services.filter(({ state }) => state === 'running');
    const lines = busy.flatMap((service) => describeNow(service) ?? []).slice(0, text.room);
    text.draw([text.fit(head, text.passed()), ...lines.map((line) => text.fit(`  ${line}`, ''))]);
  }
}
