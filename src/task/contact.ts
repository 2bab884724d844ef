import type { Instant } from '../model/instant.ts';

/** After an agent started, or lost its session: a manager that only restarts is back before. */
const patienceMs = 5_000;
/** How long a manager may take for its first word, with everything that the node has to know. */
const greetingMs = 10_000;
/** Periods without a word after which nobody is there to hear what the agent says. */
const silentPeriods = 3;
const shortestPeriodMs = 1_000;
/** Where a manager does not say how often it speaks. */
const defaultPeriodMs = 5_000;

/**
 * What an agent knows of its managers. A session that was opened says nothing: a manager that hangs
 * lets others connect.
 */
export type Contact =
  /** No session; from `aloneFrom` on the agent decides by itself. */
  | { readonly kind: 'none'; readonly aloneFrom: Instant }
  /** A session in which nothing was heard yet. */
  | { readonly kind: 'greeting'; readonly aloneFrom: Instant; readonly since: Instant }
  | { readonly kind: 'held'; readonly heardAt: Instant; readonly periodMs: number };

export function noContact(now: Instant): Contact {
  return { kind: 'none', aloneFrom: now + patienceMs };
}

export function opened(contact: Contact, now: Instant): Contact {
  const aloneFrom = contact.kind === 'held' ? now : contact.aloneFrom;
  return { kind: 'greeting', aloneFrom, since: now };
}

/** `periodMs`: how often the manager says at least that it lives, where it says so. */
export function heard(
  contact: Contact,
  word: { readonly now: Instant; readonly periodMs?: number | undefined },
): Contact {
  const known = contact.kind === 'held' ? contact.periodMs : defaultPeriodMs;
  return { kind: 'held', heardAt: word.now, periodMs: word.periodMs ?? known };
}

/** The session ended; a silence that lasted long enough has been waited for already. */
export function ended(contact: Contact, now: Instant): Contact {
  if (contact.kind !== 'held') return { kind: 'none', aloneFrom: contact.aloneFrom };
  return now >= silentAt(contact) ? { kind: 'none', aloneFrom: now } : noContact(now);
}

/** When the agent ends a session in which nobody speaks; never, where there is none. */
export function silentAt(contact: Contact): Instant {
  switch (contact.kind) {
    case 'none':
      return Number.POSITIVE_INFINITY;
    case 'greeting':
      return contact.since + greetingMs;
    case 'held':
      return contact.heardAt + silentPeriods * clamp(contact.periodMs);
  }
}

/**
 * From when on the agent decides by itself; undefined while it has a session, because what it says
 * there may be heard yet.
 */
export function aloneFrom(contact: Contact): Instant | undefined {
  return contact.kind === 'none' ? contact.aloneFrom : undefined;
}

/** Whatever the manager's period is, it answers signs of life more often. */
function clamp(periodMs: number): number {
  return Math.min(Math.max(periodMs, shortestPeriodMs), defaultPeriodMs);
}
