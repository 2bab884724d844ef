import type { Labels } from './labels.ts';

/** A service with this label leads each caller to one task again and again. */
export const affinityLabel = 'dev.tutti.affinity';

/** By what callers are told apart. */
export type Affinity = 'client-ip';

export const affinities: readonly Affinity[] = ['client-ip'];

/** Undefined: each connection is led to any task. */
export function affinityOf(labels: Labels): Affinity | undefined {
  return affinities.find((affinity) => affinity === labels[affinityLabel]);
}
