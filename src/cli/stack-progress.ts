import { setTimeout as sleep } from 'node:timers/promises';
import { TuttiError } from '../lib/error.ts';
import type { StackReport } from '../model/report.ts';
import { type CliContext, exitCodes } from './context.ts';
import type { Judge } from './judge.ts';
import { openScreen, type Screen, type Waiting } from './screen.ts';

export interface WaitOptions {
  readonly stack: string;
  readonly timeoutMs: number;
  readonly judge: Judge;
  readonly waiting: Waiting;
}

export interface WaitOutcome {
  readonly report: StackReport;
  readonly exitCode: number;
}

/** How long a daemon or manager may be away before that is a failure: a restart takes seconds. */
const awayLimitMs = 30_000;
const reconnectMs = 250;
const tickMs = 100;

/**
 * Follows a stack until the judge says that it is over, or the time is, and shows progress. A
 * daemon or manager that restarts meanwhile is waited for.
 *
 * @throws TuttiError `unavailable` when it stays away, `cancelled` on Ctrl-C.
 */
export async function waitForStack(
  context: CliContext,
  options: WaitOptions,
): Promise<WaitOutcome> {
  const { stack, judge } = options;
  const over = new AbortController();
  const signal = AbortSignal.any([context.signal, over.signal]);
  const screen = openScreen(context, options.waiting);
  const reports = reportsOf(context, { stack, signal, screen });
  const deadline = Date.now() + options.timeoutMs;
  let last: StackReport | undefined;
  try {
    let next = reports.next();
    for (;;) {
      const turn = await Promise.race([next, sleep(tickMs, 'tick' as const)]);
      if (turn === 'tick') screen.tick();
      else if (turn.done === true) break;
      else {
        last = turn.value;
        judge.observe(last, Date.now());
        screen.show(last);
        next = reports.next();
      }
      if (last === undefined) {
        if (Date.now() > deadline) break;
        continue;
      }
      const exitCode = exitCodeNow(judge, deadline);
      if (exitCode !== undefined) return { report: last, exitCode };
    }
  } finally {
    screen.close();
    over.abort();
  }
  if (context.signal.aborted) throw interrupted(stack);
  throw new TuttiError('unavailable', 'the daemon did not say how the stack is, in all that time');
}

function exitCodeNow(judge: Judge, deadline: number): number | undefined {
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

function interrupted(stack: string): TuttiError {
  return new TuttiError('cancelled', 'stopped waiting; what was begun goes on', {
    hint: `tutti stack ps ${stack} shows how far it is.`,
  });
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
    screen.note(`${problem.message}; waiting for it`);
    await sleep(reconnectMs, undefined, { signal }).catch(() => undefined);
  }
}
