import type { TunnelKeyPair, TunnelKeys } from '../model/encryption.ts';
import type { Instant } from '../model/instant.ts';

/** A node's key serves so long, counted while it is used. */
const keyPeriodMs = 12 * 3_600_000;
/**
 * Between the moment when managers know a key and its first use: whoever has not heard of it by
 * then hears no manager, and is down.
 */
const keyNoticeMs = 60_000;

/**
 * One step of the rotation of a node's key: a next one is made, managers tell it to the others, and
 * some time after that it is used. No step is taken on a doubt: without a manager that says what it
 * knows nothing rotates.
 *
 * @param of.told The next key of this node, as a manager told it to the node itself.
 * @returns The same object where nothing is to be done.
 */
export function rotate(
  keys: TunnelKeys,
  of: {
    readonly now: Instant;
    readonly told: string | undefined;
    readonly newPair: () => TunnelKeyPair;
  },
): TunnelKeys {
  const { now, told, newPair } = of;
  const { current, since, next, nextKnownAt } = keys;
  if (next === undefined) {
    // Before its own beginning: the clock was set back, and tells no age.
    const isYoung = now >= since && now - since < keyPeriodMs;
    return isYoung ? keys : { current, since, next: newPair() };
  }
  if (told !== next.publicKey) return nextKnownAt === undefined ? keys : { current, since, next };
  // A clock that was set back may not hold the key for ever.
  if (nextKnownAt === undefined || nextKnownAt > now) return { ...keys, nextKnownAt: now };
  return now - nextKnownAt < keyNoticeMs ? keys : { current: next, since: now };
}
