const steps = [
  { unit: 'd', ms: 86_400_000 },
  { unit: 'h', ms: 3_600_000 },
  { unit: 'm', ms: 60_000 },
  { unit: 's', ms: 1_000 },
] as const;

/** How long ago, in the largest unit that fits: `3m`. */
export function formatAge(sinceMs: number, nowMs: number): string {
  const passedMs = Math.max(0, nowMs - sinceMs);
  const step = steps.find((one) => passedMs >= one.ms);
  return step === undefined ? '0s' : `${Math.floor(passedMs / step.ms)}${step.unit}`;
}
