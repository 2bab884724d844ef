import type { Labels } from './labels.ts';

/**
 * A service with this label set to `true` must never run twice: nodes stop its tasks before they
 * are given away.
 */
export const fenceLabel = 'dev.tutti.fence';

export function isFenced(service: { readonly spec: { readonly labels: Labels } }): boolean {
  return service.spec.labels[fenceLabel] === 'true';
}
