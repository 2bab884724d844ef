import type { Check } from '../checkers.ts';
import type { ClusterCheck } from '../cluster/checkers.ts';
import type { ClusterSeams } from '../cluster/cluster-world.ts';
import type { ManagersSeams } from '../managers/managers-world.ts';
import type { Seams } from '../world.ts';

/** A bug that was put between two real parts, to show that the simulation finds it. */
export interface Planted {
  readonly name: string;
  /** The check that is to find it, among others perhaps. */
  readonly check: Check;
  /** The seed that does. */
  readonly seed: number;
  readonly seams: Seams;
}

/** A bug of several nodes, and the seed of a cluster that finds it. */
export interface PlantedInCluster {
  readonly name: string;
  readonly check: ClusterCheck;
  readonly seed: number;
  readonly seams: ClusterSeams;
}

/** A bug of several managers, and the seed of such a cluster that finds it. */
export interface PlantedInManagers {
  readonly name: string;
  readonly check: ClusterCheck;
  readonly seed: number;
  readonly seams: ManagersSeams;
}
