import type { ClusterEvent } from './cluster-events.ts';
import { writeEvent } from './cluster-events.ts';
import { type EventQuery, parseEventQuery, wantsEvent } from './event-query.ts';
import type { DockerRoute, ManagerContext } from './manager-context.ts';

/** The cluster's part of `GET /events`; the daemon joins it with the container engine's. */
export function eventRoutes(context: ManagerContext): readonly DockerRoute[] {
  return [
    {
      method: 'GET',
      pattern: '/events',
      handler: async ({ http }) => {
        const query = parseEventQuery(http.query);
        return {
          kind: 'stream',
          status: 200,
          headers: { 'Content-Type': 'application/json' },
          chunks: streamEvents(context, { query, signal: http.signal }),
        };
      },
    },
  ];
}

function streamEvents(
  context: ManagerContext,
  options: { readonly query: EventQuery; readonly signal: AbortSignal },
): AsyncIterable<string> {
  const { events, controlPlane, clock } = context;
  const { query, signal } = options;
  const { since, until } = query;
  const ended = new AbortController();
  const live = AbortSignal.any([signal, ended.signal]);
  // Subscribed before the past is read: nothing falls between the two.
  const coming = events.follow(live);
  const past = since === undefined ? [] : events.recent().filter((event) => event.at >= since);
  if (until !== undefined) {
    const remainingMs = until - controlPlane.now();
    if (remainingMs <= 0) ended.abort();
    else void endAfter(clock.sleep(remainingMs, live), ended);
  }
  const wanted = (event: ClusterEvent): boolean =>
    wantsEvent(query.filters, event) && (until === undefined || event.at <= until);
  return write({ past, coming, wanted, ended });
}

async function* write(from: {
  readonly past: readonly ClusterEvent[];
  readonly coming: AsyncIterable<ClusterEvent>;
  readonly wanted: (event: ClusterEvent) => boolean;
  readonly ended: AbortController;
}): AsyncGenerator<string> {
  const { past, coming, wanted, ended } = from;
  try {
    for (const event of past) if (wanted(event)) yield writeEvent(event);
    for await (const event of coming) if (wanted(event)) yield writeEvent(event);
  } finally {
    ended.abort();
  }
}

async function endAfter(sleep: Promise<void>, ended: AbortController): Promise<void> {
  try {
    await sleep;
  } catch {
    // The client left first: then there is nothing to wait for.
  }
  ended.abort();
}
