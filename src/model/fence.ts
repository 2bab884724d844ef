import type { Labels } from './labels.ts';

/**
 * A service with this label set to `true` must never run twice: nodes stop its tasks before they
 * are given away.
 */
const fenceLabel = 'dev.tutti.fence';

export function isFenced(service: { readonly spec: { readonly labels: Labels } }): boolean {
  return hasFence(service.spec.labels);
}

/** Whether the labels of a service make its tasks fenced. */
export function hasFence(labels: Labels): boolean {
  return labels[fenceLabel] === 'true';
}
