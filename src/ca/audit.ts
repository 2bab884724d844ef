import type { Instant } from '../model/instant.ts';
import type { RefusalReason } from './refusal.ts';

const windowMs = 60_000;
const linesInWindow = 20;

interface Window {
  readonly since: Instant;
  readonly lines: number;
  readonly dropped: number;
}

/** What was written lately, for each reason. */
export type AuditState = ReadonlyMap<RefusalReason, Window>;

export interface AuditDecision {
  readonly state: AuditState;
  /** Whether this refusal gets a line; `dropped` is how many before it got none. */
  readonly write: false | { readonly dropped: number };
}

/** Bounds the lines of the audit log: at most 20 a minute for each reason, the rest is counted. */
export function auditRefusal(
  state: AuditState | undefined,
  refusal: { readonly reason: RefusalReason; readonly now: Instant },
): AuditDecision {
  const { reason, now } = refusal;
  const last = state?.get(reason);
  const dropped = last?.dropped ?? 0;
  const isNew = last === undefined || now >= last.since + windowMs || now < last.since;
  const next: Window = isNew ? { since: now, lines: 0, dropped } : last;
  if (next.lines >= linesInWindow) {
    return { state: withWindow(state, reason, { ...next, dropped: dropped + 1 }), write: false };
  }
  const written = { ...next, lines: next.lines + 1, dropped: 0 };
  return { state: withWindow(state, reason, written), write: { dropped } };
}

function withWindow(
  state: AuditState | undefined,
  ...[reason, window]: readonly [RefusalReason, Window]
): AuditState {
  return new Map(state ?? []).set(reason, window);
}
