import { setTimeout as sleep } from 'node:timers/promises';
import { TuttiError } from '../lib/error.ts';
import { type CliContext, exitCodes } from './context.ts';
import type { Judge } from './judge.ts';

/** Shows how something comes along, on standard error: standard output holds the result alone. */
export interface Screen<Report> {
  show(report: Report): void;
  /** Time has passed. */
  tick(): void;
  /** Something that is no state of what is shown. */
  note(line: string): void;
  /** The last state stays as it is shown. */
  close(): void;
}

/** For programs. */
export const silentScreen: Screen<unknown> = {
  show: () => undefined,
  tick: () => undefined,
  note: () => undefined,
  close: () => undefined,
};

export interface FollowOptions<Report> {
  /** Where reports come from, one a line. */
  readonly path: string;
  readonly timeoutMs: number;
  readonly judge: Judge<Report>;
  readonly screen: Screen<Report>;
  /** How to see how far it is, for who pressed Ctrl-C. */
  readonly hint: string;
}

export interface FollowOutcome<Report> {
  readonly report: Report;
  readonly exitCode: number;
}

/** How long a daemon or manager may be away before that is a failure: a restart takes seconds. */
const awayLimitMs = 30_000;
const reconnectMs = 250;
const tickMs = 100;

/**
 * Follows reports until the judge says that it is over, or the time is, and shows them. A daemon or
 * manager that restarts meanwhile is waited for.
 *
 * @throws TuttiError `unavailable` when it stays away, `cancelled` on Ctrl-C.
 */
export async function follow<Report>(
  context: CliContext,
  options: FollowOptions<Report>,
): Promise<FollowOutcome<Report>> {
  const { judge, screen } = options;
  const over = new AbortController();
  const signal = AbortSignal.any([context.signal, over.signal]);
  const reports = reportsOf<Report>(context, { path: options.path, signal, screen });
  const deadline = Date.now() + options.timeoutMs;
  let last: { readonly report: Report } | undefined;
  try {
    let next = reports.next();
    for (;;) {
      const turn = await Promise.race([next, sleep(tickMs, 'tick' as const)]);
      if (turn === 'tick') screen.tick();
      else if (turn.done === true) break;
      else {
        last = { report: turn.value };
        judge.observe(last.report, Date.now());
        screen.show(last.report);
        next = reports.next();
      }
      if (last === undefined) {
        if (Date.now() > deadline) break;
        continue;
      }
      const exitCode = exitCodeNow(judge, deadline);
      if (exitCode !== undefined) return { report: last.report, exitCode };
    }
  } finally {
    screen.close();
    over.abort();
  }
  if (context.signal.aborted) throw interrupted(options.hint);
  throw new TuttiError('unavailable', 'the daemon did not say how far it is, in all that time');
}

function exitCodeNow<Report>(judge: Judge<Report>, deadline: number): number | undefined {
  const now = Date.now();
  switch (judge.verdict(now)) {
    case 'done':
      return exitCodes.success;
    case 'hopeless':
      return exitCodes.failure;
    case 'waiting':
      return now > deadline ? exitCodes.timeout : undefined;
  }
}

function interrupted(hint: string): TuttiError {
  return new TuttiError('cancelled', 'stopped waiting; what was begun goes on', { hint });
}

interface Following {
  readonly path: string;
  readonly signal: AbortSignal;
  readonly screen: { note(line: string): void };
}

/** Reports until the signal, over one connection after the other. */
async function* reportsOf<Report>(
  context: CliContext,
  following: Following,
): AsyncGenerator<Report> {
  const { path, signal, screen } = following;
  let giveUpAt: number | undefined;
  while (!signal.aborted) {
    let problem = new TuttiError('unavailable', 'the daemon ended the connection');
    try {
      for await (const report of context.client.lines<Report>({ method: 'GET', path, signal })) {
        giveUpAt = undefined;
        yield report;
      }
    } catch (reason) {
      problem = TuttiError.from(reason);
    }
    if (signal.aborted) return;
    giveUpAt ??= Date.now() + awayLimitMs;
    if (problem.code !== 'unavailable' || Date.now() > giveUpAt) throw problem;
    screen.note(`${problem.message}; waiting for it`);
    await sleep(reconnectMs, undefined, { signal }).catch(() => undefined);
  }
}
