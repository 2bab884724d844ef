import type { HttpAnswerStream, HttpReply } from '../host/http.ts';
import { BoundedQueue } from '../lib/bounded-queue.ts';
import { TuttiError } from '../lib/error.ts';
import { formatApi } from './api-version.ts';
import type { DaemonContext, DaemonRoute } from './daemon-context.ts';
import { parseEventQuery } from './event-query.ts';
import { matchesAny } from './filters.ts';
import type { DockerRequest } from './request.ts';

/** `docker events`: the engine's stream and the cluster's in one. */
export const eventsRoute: DaemonRoute = {
  method: 'GET',
  pattern: '/events',
  handler: async (context, request) => {
    const query = parseEventQuery(request.http.query);
    const wantsScope = (scope: string): boolean =>
      matchesAny(query.filters, 'scope', (one) => one === scope);
    const done = new AbortController();
    const signal = AbortSignal.any([request.http.signal, done.signal]);
    const streams = await openStreams(context, {
      request,
      signal,
      local: wantsScope('local'),
      swarm: wantsScope('swarm'),
    });
    const isPast = query.until !== undefined && query.until <= context.clock.now();
    const lines = isPast ? sorted(streams) : interleaved(streams, done);
    return {
      kind: 'stream',
      status: 200,
      headers: { 'Content-Type': 'application/json' },
      chunks: lines,
    } satisfies HttpReply;
  },
};

async function openStreams(
  context: DaemonContext,
  from: {
    readonly request: DockerRequest;
    readonly signal: AbortSignal;
    readonly local: boolean;
    readonly swarm: boolean;
  },
): Promise<readonly AsyncIterable<Uint8Array>[]> {
  const { request, signal, local, swarm } = from;
  const query = request.http.query.toString();
  const opened: Promise<HttpAnswerStream>[] = [];
  if (swarm) {
    const target = `/v${formatApi(request.version)}/events${query === '' ? '' : `?${query}`}`;
    opened.push(context.manager.open({ method: 'GET', target, signal }));
  }
  if (local) {
    const target = await context.engine.target(request.version, { path: '/events', query, signal });
    opened.push(context.engine.peer.open({ method: 'GET', target, signal }));
  }
  const streams = await Promise.all(opened);
  const refused = streams.find((stream) => stream.status !== 200);
  if (refused !== undefined) throw await toError(refused);
  return streams.map((stream) => stream.chunks);
}

async function toError(answer: HttpAnswerStream): Promise<TuttiError> {
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of answer.chunks) text += decoder.decode(chunk, { stream: true });
  const code = answer.status === 400 ? 'invalid-argument' : 'unavailable';
  const message = /"message":\s*"((?:[^"\\]|\\.)*)"/.exec(text)?.[1] ?? `status ${answer.status}`;
  return new TuttiError(code, message);
}

/** What is past is complete on both sides: then it is told in the order in which it happened. */
async function* sorted(streams: readonly AsyncIterable<Uint8Array>[]): AsyncGenerator<string> {
  const all: { readonly at: bigint; readonly line: string }[] = [];
  for (const stream of streams) {
    for await (const line of linesOf(stream)) {
      all.push({ at: BigInt(/"timeNano":\s*(\d+)/.exec(line)?.[1] ?? '0'), line });
    }
  }
  for (const { line } of all.toSorted((left, right) => Number(left.at - right.at))) {
    yield `${line}\n`;
  }
}

const backlog = 256;

async function* interleaved(
  streams: readonly AsyncIterable<Uint8Array>[],
  done: AbortController,
): AsyncGenerator<string> {
  const lines = new BoundedQueue<string>(backlog);
  const copies = streams.map((stream) => copyLines(stream, lines));
  void Promise.allSettled(copies).then(() => lines.close());
  try {
    for await (const line of lines) yield `${line}\n`;
  } finally {
    lines.close();
    done.abort();
  }
}

/** One side that breaks off ends its own part; the reader keeps the other. */
async function copyLines(
  stream: AsyncIterable<Uint8Array>,
  lines: BoundedQueue<string>,
): Promise<void> {
  for await (const line of linesOf(stream)) {
    if (lines.closed) return;
    await lines.push(line);
  }
}

async function* linesOf(stream: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of stream) {
    rest += decoder.decode(chunk, { stream: true });
    const lines = rest.split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line.trim() !== '') yield line;
  }
  if (rest.trim() !== '') yield rest;
}
