import type { Check } from '../checkers.ts';
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
