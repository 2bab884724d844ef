import { TuttiError } from './error.ts';

/**
 * A queue between producers that wait and one consumer that iterates. `push` resolves once the
 * queue is below its limit again, so it holds at most the limit and one item for each waiting
 * producer.
 */
export class BoundedQueue<T> implements AsyncIterable<T> {
  readonly #limit: number;
  readonly #items: T[] = [];
  readonly #waitingProducers: (() => void)[] = [];
  #waitingConsumer: (() => void) | undefined;
  #closed = false;
  #failure: TuttiError | undefined;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#items.length;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Throws `unavailable` (or what `fail` was given) when the queue is closed. */
  async push(item: T): Promise<void> {
    this.#refuseWhenClosed();
    this.#items.push(item);
    this.#wakeConsumer();
    while (this.#items.length >= this.#limit && !this.#closed) {
      await new Promise<void>((resolve) => this.#waitingProducers.push(resolve));
    }
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** No more items: the consumer gets what is left, then ends. */
  close(): void {
    this.#closed = true;
    this.#wakeConsumer();
    this.#wakeProducers();
  }

  /** The consumer gets the error at once, without what is left. */
  fail(error: TuttiError): void {
    if (this.#closed) return;
    this.#failure = error;
    this.#items.length = 0;
    this.close();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, undefined> {
    for (;;) {
      while (this.#items.length > 0) {
        const item = this.#items.shift() as T;
        if (this.#items.length < this.#limit) this.#wakeProducers();
        yield item;
      }
      if (this.#failure !== undefined) throw this.#failure;
      if (this.#closed) return;
      await new Promise<void>((resolve) => {
        this.#waitingConsumer = resolve;
      });
    }
  }

  #refuseWhenClosed(): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#closed) throw new TuttiError('unavailable', 'the queue is closed');
  }

  #wakeConsumer(): void {
    const wake = this.#waitingConsumer;
    this.#waitingConsumer = undefined;
    wake?.();
  }

  #wakeProducers(): void {
    for (const wake of this.#waitingProducers.splice(0)) wake();
  }
}
