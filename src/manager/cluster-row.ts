import type { Cluster } from '../model/cluster.ts';
import type { View } from '../store/view.ts';

/** The one cluster row, if there is one. */
export function theCluster(view: Pick<View, 'clusters'>): Cluster | undefined {
  for (const cluster of view.clusters.all()) return cluster;
  return undefined;
}
