import type { FollowListener } from '../host/followed-store.ts';
import { unreachable } from '../lib/assert.ts';
import { TuttiError } from '../lib/error.ts';
import type { EtcdStream } from './etcd-channel.ts';
import type { EtcdClient } from './etcd-client.ts';
import type { EtcdFollower } from './etcd-follower.ts';
import type { EtcdKeys } from './etcd-keys.ts';
import { sightingOf } from './etcd-leadership.ts';
import type { EtcdEvent, EtcdWatchReply } from './etcd-messages.ts';

export interface FollowEtcdOptions {
  readonly client: EtcdClient;
  readonly keys: EtcdKeys;
  readonly follower: EtcdFollower;
  readonly fromEtcdRevision: number;
  readonly listener: FollowListener;
}

/** How one stream of the watch ended. */
type WatchEnd = { readonly kind: 'broken' } | { readonly kind: 'gap'; readonly message: string };

/**
 * Follows over streams that break, each going on where the one before it ended, until the signal
 * or until something was missed.
 */
export async function followEtcd(
  options: FollowEtcdOptions,
  signal: AbortSignal,
): Promise<{ readonly gap?: string }> {
  const watching = { from: options.fromEtcdRevision };
  while (!signal.aborted) {
    const end = await watchOnce(options, { watching, signal });
    if (end.kind === 'gap') return { gap: end.message };
    if (signal.aborted) break;
    await options.client.turnAway();
  }
  return {};
}

async function watchOnce(
  { client, keys, follower, listener }: FollowEtcdOptions,
  { watching, signal }: { readonly watching: { from: number }; readonly signal: AbortSignal },
): Promise<WatchEnd> {
  const { promise, resolve } = Promise.withResolvers<WatchEnd>();
  const onReply = (reply: EtcdWatchReply): void => {
    if (reply.kind === 'created' || signal.aborted) return;
    if (reply.kind === 'cancelled') {
      resolve(
        reply.compacted
          ? { kind: 'gap', message: 'what was missed is no longer kept' }
          : { kind: 'broken' },
      );
      return;
    }
    const gap = delivered(reply.events, { follower, listener });
    if (gap !== undefined) resolve({ kind: 'gap', message: gap });
    watching.from = (reply.events.at(-1)?.pair.modRevision ?? watching.from - 1) + 1;
  };
  const onEnd = (): void => resolve({ kind: 'broken' });
  signal.addEventListener('abort', onEnd, { once: true });
  let stream: EtcdStream | undefined;
  try {
    stream = await client.watch({
      key: keys.prefix,
      end: keys.end,
      fromEtcdRevision: watching.from,
      onReply,
      onEnd,
    });
    return await promise;
  } catch (reason) {
    // Nobody answers there: the next member may.
    if (TuttiError.from(reason).code === 'unavailable') return { kind: 'broken' };
    throw reason;
  } finally {
    signal.removeEventListener('abort', onEnd);
    stream?.close();
  }
}

/** What cannot be read is loaded again, and refused there if it is damaged. */
function delivered(
  events: readonly EtcdEvent[],
  to: Pick<FollowEtcdOptions, 'follower' | 'listener'>,
): string | undefined {
  try {
    return deliver(events, to);
  } catch (reason) {
    return TuttiError.from(reason).message;
  }
}

/** Hands on what the transactions of one reply said; a sentence where they cannot be followed. */
function deliver(
  events: readonly EtcdEvent[],
  { follower, listener }: Pick<FollowEtcdOptions, 'follower' | 'listener'>,
): string | undefined {
  for (const transaction of byTransaction(events)) {
    for (const event of follower.digest(transaction)) {
      switch (event.kind) {
        case 'batch':
          listener.onBatch(event.batch);
          break;
        case 'signs':
          listener.onSighting(sightingOf(event.signs));
          break;
        case 'gap':
          return event.message;
        default:
          unreachable(event);
      }
    }
  }
  return undefined;
}

function byTransaction(events: readonly EtcdEvent[]): readonly (readonly EtcdEvent[])[] {
  const transactions: EtcdEvent[][] = [];
  let revision: number | undefined;
  for (const event of events) {
    if (event.pair.modRevision !== revision) transactions.push([]);
    revision = event.pair.modRevision;
    transactions.at(-1)?.push(event);
  }
  return transactions;
}
