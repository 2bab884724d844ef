/**
 * Casts votes, many at a time: `node examples/voting-app/cast-votes.ts [--url URL] [--votes N]
 * [--concurrency N] [--body-delay MS] [--json]`. Of three votes two are for a. Ends with 1 when any
 * request failed.
 */
import { Agent, request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';

export interface CastVotesOptions {
  /** Where the page is, such as `http://127.0.0.1:8080/`. */
  readonly url: string;
  readonly votes: number;
  /** How many requests are under way at any time. */
  readonly concurrency: number;
  /**
   * Between the head and the body of a request, as with a voter on a slow line. So all of
   * `concurrency` are under way all the time, and the votes last as long as is wanted. Default: 0.
   */
  readonly bodyDelayMs?: number;
  /** A request that takes longer has failed. */
  readonly requestLimitMs?: number;
  /** Stops casting; votes under way are finished. */
  readonly signal?: AbortSignal;
  /** Told after each vote, so that others can act in the middle. */
  readonly onVote?: (castSoFar: number) => void;
}

export interface CastVotesReport {
  /** Votes that were answered with success, by choice. */
  readonly cast: { readonly a: number; readonly b: number; readonly total: number };
  readonly failures: readonly VoteFailure[];
  /** How many answers each container gave. */
  readonly servedBy: ReadonlyMap<string, number>;
  readonly durationMs: number;
  readonly latencyMs: { readonly median: number; readonly p99: number; readonly max: number };
}

export interface VoteFailure {
  /** The number of the vote, from 0. */
  readonly vote: number;
  /** Milliseconds after the first vote. */
  readonly atMs: number;
  readonly reason: string;
}

/**
 * Casts votes on connections of their own, each as a new voter, so each counts once. Nothing is
 * tried again: a failure is what it is here to find.
 */
export async function castVotes(options: CastVotesOptions): Promise<CastVotesReport> {
  const agent = new Agent({ keepAlive: false });
  const startedAtMs = performance.now();
  const cast = { a: 0, b: 0, total: 0 };
  const failures: VoteFailure[] = [];
  const servedBy = new Map<string, number>();
  const latenciesMs: number[] = [];
  let next = 0;
  const castUntilDone = async () => {
    while (next < options.votes && options.signal?.aborted !== true) {
      const vote = next;
      next += 1;
      const choice = vote % 3 === 2 ? 'b' : 'a';
      const sentAtMs = performance.now();
      try {
        const host = await castVote({ ...options, agent, choice });
        latenciesMs.push(performance.now() - sentAtMs);
        servedBy.set(host, (servedBy.get(host) ?? 0) + 1);
        cast[choice] += 1;
        cast.total += 1;
      } catch (error) {
        const reason = error instanceof Error ? error.message : String(error);
        failures.push({ vote, atMs: Math.round(performance.now() - startedAtMs), reason });
      }
      options.onVote?.(cast.total + failures.length);
    }
  };
  await Promise.all(Array.from({ length: options.concurrency }, castUntilDone));
  const durationMs = performance.now() - startedAtMs;
  return { cast, failures, servedBy, durationMs, latencyMs: summarise(latenciesMs) };
}

interface CastVoteOptions {
  readonly url: string;
  readonly choice: 'a' | 'b';
  readonly agent: Agent;
  readonly bodyDelayMs?: number;
  readonly requestLimitMs?: number;
}

/** Resolves with the name of the container that took the vote. */
async function castVote(options: CastVoteOptions): Promise<string> {
  const { url, choice, agent, bodyDelayMs = 0, requestLimitMs = 10_000 } = options;
  const form = `vote=${choice}`;
  const outgoing = request(url, {
    agent,
    method: 'POST',
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      'content-length': form.length,
    },
    signal: AbortSignal.timeout(requestLimitMs),
  });
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.once('error', reject);
    outgoing.once('response', resolve);
  });
  if (bodyDelayMs > 0) {
    outgoing.flushHeaders();
    await Promise.race([answered, sleep(bodyDelayMs)]);
  }
  outgoing.end(form);
  const response = await answered;
  let body = '';
  for await (const chunk of response) body += String(chunk);
  if (response.statusCode !== 200) throw new Error(`status ${response.statusCode}: ${body.trim()}`);
  return String(response.headers['x-served-by'] ?? 'unknown');
}

function summarise(latenciesMs: readonly number[]): CastVotesReport['latencyMs'] {
  const sorted = latenciesMs.toSorted((one, other) => one - other);
  const at = (share: number) => Math.round(sorted[Math.ceil(sorted.length * share) - 1] ?? 0);
  return { median: at(0.5), p99: at(0.99), max: at(1) };
}

/** The report in a few lines for people. */
export function describeReport(report: CastVotesReport): string {
  const { cast, failures, servedBy, durationMs, latencyMs } = report;
  const reasons = new Map<string, number>();
  for (const { reason } of failures) reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
  const seconds = (durationMs / 1_000).toFixed(1);
  return [
    `${cast.total} votes cast in ${seconds} s (${cast.a} for a, ${cast.b} for b)`,
    `latency: median ${latencyMs.median} ms, p99 ${latencyMs.p99} ms, max ${latencyMs.max} ms`,
    ...[...servedBy].map(([host, count]) => `${host} took ${count}`),
    `${failures.length} failed`,
    ...[...reasons].map(([reason, count]) => `  ${count} × ${reason}`),
  ].join('\n');
}

/** The report for other programs. */
function reportAsJson(report: CastVotesReport): string {
  return JSON.stringify({ ...report, servedBy: Object.fromEntries(report.servedBy) });
}

function readCount(text: string, name: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count > 0) return count;
  throw new Error(`--${name} is "${text}", but must be a number above 0.`);
}

if (import.meta.main) {
  try {
    const { values } = parseArgs({
      options: {
        url: { type: 'string', default: 'http://127.0.0.1:8080/' },
        votes: { type: 'string', default: '3000' },
        concurrency: { type: 'string', default: '50' },
        'body-delay': { type: 'string' },
        json: { type: 'boolean', default: false },
      },
    });
    const bodyDelay = values['body-delay'];
    const report = await castVotes({
      url: values.url,
      votes: readCount(values.votes, 'votes'),
      concurrency: readCount(values.concurrency, 'concurrency'),
      ...(bodyDelay !== undefined && { bodyDelayMs: readCount(bodyDelay, 'body-delay') }),
    });
    console.log(values.json ? reportAsJson(report) : describeReport(report));
    if (report.failures.length > 0) process.exitCode = 1;
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 2;
  }
}
