import { assert } from '../lib/assert.ts';
import type { TuttiError } from '../lib/error.ts';
import type { Transaction } from './view.ts';

/** What a closure came to: told to its caller once the fate of the batch is known. */
export interface Settlement {
  /** The batch is durable, or there was nothing to make durable. */
  readonly done: () => void;
  readonly failed: (error: TuttiError) => void;
}

/** An update that waits for its batch. */
export interface QueuedUpdate {
  /** Runs the closure. `kept` says whether its writes count: not when it threw. */
  readonly run: (tx: Transaction) => { readonly kept: boolean; readonly settlement: Settlement };
  readonly reject: (error: TuttiError) => void;
}

export function queueUpdate<T>(run: (tx: Transaction) => T): {
  readonly queued: QueuedUpdate;
  readonly promise: Promise<T>;
} {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const attempt: QueuedUpdate['run'] = (tx) => {
    try {
      const result = run(tx);
      assert(!(result instanceof Promise), 'an update of the store must be synchronous');
      return { kept: true, settlement: { done: () => resolve(result), failed: reject } };
    } catch (reason) {
      return { kept: false, settlement: { done: () => reject(reason), failed: reject } };
    }
  };
  return { queued: { run: attempt, reject }, promise };
}
