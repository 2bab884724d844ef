import type { Instant } from '../../src/model/instant.ts';
import type { SimulatedNode } from '../node.ts';
import type { SimulatedRuntime } from '../runtime.ts';
import type { NodeLink } from './link.ts';
import type { SetClock } from './odd-clock.ts';

/** A machine of the cluster. */
export interface Machine {
  readonly hostname: string;
  readonly link: NodeLink;
  readonly engine: SimulatedRuntime;
  readonly node: SimulatedNode;
  /** Its time of day. */
  readonly clock: SetClock;
}

export interface WatchedMachine {
  readonly hostname: string;
  readonly link: { readonly isCut: boolean };
}

/** What checkers know of the cluster that they watch. */
export interface Watched {
  readonly clock: { now(): Instant };
  readonly machines: readonly WatchedMachine[];
  /** The node's row, once it has one. */
  nodeId(machine: WatchedMachine): string | undefined;
  /** Whether what the manager hears of the machine, or does not, allows it to give it up. */
  mayBeDown(machine: WatchedMachine): boolean;
}
