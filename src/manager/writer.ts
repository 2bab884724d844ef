import type { AddressChoice } from '../allocator/addresses.ts';
import type { Instant } from '../model/instant.ts';
import type { Unit } from '../orchestrator/unit.ts';
import type { Transaction } from '../store/view.ts';

/** What a write makes the planner look at, in the same commit. */
export interface Touched {
  service(serviceId: string): void;
  network(networkId: string): void;
  node(nodeId: string): void;
  units(units: readonly Unit[]): void;
}

/** What a write needs besides the transaction: nothing here is asked of the world. */
export interface WriteContext extends AddressChoice {
  readonly now: Instant;
  readonly touched: Touched;
  newId(): string;
}

export type Write<T> = (tx: Transaction, context: WriteContext) => T;

/**
 * Runs a write in a transaction and plans what follows from it in the same commit, where that is
 * possible. Resolves when it is durable; when the write throws, nothing has changed.
 */
export interface Writer {
  write<T>(run: Write<T>): Promise<T>;
}
