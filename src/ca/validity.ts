import type { Instant } from '../model/instant.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

/** Certificates begin that long before they are made, for nodes whose clocks are behind. */
export const backdateMs = hourMs;
export const rootLifeMs = 20 * 365 * dayMs;
/** How long after its end a certificate may still be used to renew itself. */
const renewalGraceMs = 2 * 365 * dayMs;

const earliestRenewal = 0.5;
const renewalSpread = 0.3;
const leastRetryMs = minuteMs;
const longestRetryMs = hourMs;
const retriesInRest = 20;
/** Who has nothing to show any more cannot wait. */
const endedRetryMs = 10_000;

export interface Validity {
  readonly notBefore: Instant;
  readonly notAfter: Instant;
}

/** The validity of a certificate that is made now; X.509 knows whole seconds. */
export function validityFrom(now: Instant, lifeMs: number): Validity {
  return { notBefore: wholeSecond(now - backdateMs), notAfter: wholeSecond(now + lifeMs) };
}

function wholeSecond(at: Instant): Instant {
  return Math.floor(at / 1_000) * 1_000;
}

export type ValidityPhase = 'not-yet-valid' | 'valid' | 'grace' | 'over';

/** Both ends belong to the validity, as RFC 5280 (4.1.2.5) has it. */
export function phaseOf({ notBefore, notAfter }: Validity, now: Instant): ValidityPhase {
  if (now < notBefore) return 'not-yet-valid';
  // X.509's second lasts until the next one begins.
  if (now < notAfter + 1_000) return 'valid';
  return now < notAfter + renewalGraceMs ? 'grace' : 'over';
}

/**
 * When a certificate is renewed: at a point of 50 to 80 % of its life that `fraction` (0 … 1,
 * drawn once for each certificate) chooses, so that nodes that joined together do not come
 * together.
 */
export function renewalAt(validity: Validity, fraction: number): Instant {
  const issuedAt = validity.notBefore + backdateMs;
  const lifeMs = Math.max(validity.notAfter - issuedAt, 0);
  return Math.floor(issuedAt + lifeMs * (earliestRenewal + renewalSpread * fraction));
}

/** How long to wait after a renewal that failed. */
export function renewalRetryMs(validity: Validity, now: Instant): number {
  const restMs = validity.notAfter - now;
  if (restMs <= 0) return endedRetryMs;
  return Math.min(Math.max(restMs / retriesInRest, leastRetryMs), longestRetryMs);
}
