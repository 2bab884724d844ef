import { setTimeout as sleep } from 'node:timers/promises';
import { TuttiError } from '../lib/error.ts';
import type { ServiceReport, StackReport, TaskReport } from '../model/report.ts';
import { type CliContext, exitCodes } from './context.ts';

export interface WaitOptions {
  readonly stack: string;
  readonly timeoutMs: number;
  readonly done: (report: StackReport) => boolean;
}

export interface WaitOutcome {
  readonly report: StackReport;
  readonly exitCode: number;
}

/** How long a daemon or manager may be away before that is a failure: a restart takes seconds. */
const awayLimitMs = 30_000;
const reconnectMs = 250;

/**
 * Follows a stack until it is `done`, showing progress: lines that rewrite themselves on a
 * terminal, a line for each change elsewhere. An update that paused or was rolled back ends the
 * wait as a failure. A daemon or manager that restarts meanwhile is waited for.
 *
 * @throws TuttiError `unavailable` when it stays away.
 */
export async function waitForStack(
  context: CliContext,
  options: WaitOptions,
): Promise<WaitOutcome> {
  const timeout = AbortSignal.timeout(options.timeoutMs);
  const signal = AbortSignal.any([context.signal, timeout]);
  const screen = new Screen(context);
  let last: StackReport | undefined;
  for await (const report of reportsOf(context, { stack: options.stack, signal, screen })) {
    last = report;
    screen.show(report);
    if (options.done(report)) return { report, exitCode: exitCodes.success };
    if (report.services.some(hasGivenUp)) return { report, exitCode: exitCodes.failure };
  }
  if (context.signal.aborted)
    throw new TuttiError('cancelled', 'stopped waiting; what was begun goes on');
  if (last !== undefined) return { report: last, exitCode: exitCodes.timeout };
  throw new TuttiError('unavailable', 'the daemon did not say how the stack is, in all that time');
}

interface Following {
  readonly stack: string;
  readonly signal: AbortSignal;
  readonly screen: Screen;
}

/** Reports of a stack until the signal, over one connection after the other. */
async function* reportsOf(context: CliContext, following: Following): AsyncGenerator<StackReport> {
  const { stack, signal, screen } = following;
  const path = `/tutti/v1/stacks/${encodeURIComponent(stack)}/watch`;
  let giveUpAt: number | undefined;
  while (!signal.aborted) {
    let problem = new TuttiError('unavailable', 'the daemon ended the connection');
    try {
      for await (const report of context.client.lines<StackReport>({
        method: 'GET',
        path,
        signal,
      })) {
        giveUpAt = undefined;
        yield report;
      }
    } catch (reason) {
      problem = TuttiError.from(reason);
    }
    if (signal.aborted) return;
    giveUpAt ??= Date.now() + awayLimitMs;
    if (problem.code !== 'unavailable' || Date.now() > giveUpAt) throw problem;
    screen.note(problem.message);
    await sleep(reconnectMs, undefined, { signal }).catch(() => undefined);
  }
}

function hasGivenUp(service: ServiceReport): boolean {
  const state = service.update?.state;
  return state === 'paused' || state === 'rollback_paused' || state === 'rollback_completed';
}

/** What holds a task up, for people: the first sentence of its reason. */
export function describeTask(task: TaskReport): string {
  const where = task.nodeName === undefined ? '' : ` on ${task.nodeName}`;
  const why = task.reason === undefined ? '' : `: ${task.reason.message}`;
  return `${task.name} ${task.state}${where}${why}`;
}

function describeService(service: ServiceReport): string {
  const isJob = service.mode.endsWith('-job');
  const done = isJob ? service.completed : service.running;
  const update = service.update?.state === 'updating' ? ' (updating)' : '';
  return `${service.name} ${done}/${service.wanted}${update}`;
}

/** Progress on standard error, so that standard output holds the result alone. */
class Screen {
  readonly #context: CliContext;
  readonly #told = new Set<string>();
  #height = 0;

  constructor(context: CliContext) {
    this.#context = context;
  }

  show(report: StackReport): void {
    if (this.#context.output.isTerminal) this.#redraw(report);
    else this.#tell(report);
  }

  /** Something that is no state of the stack; the next state goes below it. */
  note(line: string): void {
    this.#once(`${line}; waiting`);
    this.#height = 0;
  }

  #redraw(report: StackReport): void {
    const { output } = this.#context;
    const lines = report.services.map((service) => {
      const mark = service.converged ? '✔' : '…';
      const late = report.tasks.find(
        (task) => task.service === service.name && task.state !== 'running',
      );
      const why = late === undefined || service.converged ? '' : `  ${describeTask(late)}`;
      return `${mark} ${describeService(service)}${why}`.slice(0, output.columns - 1);
    });
    const up = this.#height > 0 ? `\u001b[${this.#height}A` : '';
    output.note(`${up}${lines.map((line) => `\u001b[2K${line}\n`).join('')}\u001b[J`);
    this.#height = lines.length;
  }

  #tell(report: StackReport): void {
    for (const service of report.services) {
      this.#once(`${describeService(service)}${service.converged ? ' converged' : ''}`);
    }
    for (const task of report.tasks) {
      if (task.state !== 'running' && task.reason !== undefined) this.#once(describeTask(task));
    }
  }

  #once(line: string): void {
    if (this.#told.has(line)) return;
    this.#told.add(line);
    this.#context.output.note(`${line}\n`);
  }
}
