import type { Clock } from '../host/clock.ts';
import type { Instant } from '../model/instant.ts';

interface Timer {
  readonly key: string;
  readonly at: Instant;
}

/** Overtaken entries that the heap may hold beside as many as there are due times. */
const overtakenAtMost = 64;

/**
 * Wakes for the earliest of many due times with a single sleep. A key has one due time: the
 * earliest that it was given and that has not come yet.
 */
export class TimerHeap {
  readonly #clock: Clock;
  readonly #onDue: (keys: readonly string[]) => void;
  /** A binary heap; entries that were overtaken stay until they come up, or are too many. */
  readonly #heap: Timer[] = [];
  readonly #dueAt = new Map<string, Instant>();
  #sleep: { readonly until: Instant; readonly abort: AbortController } | undefined;
  #stopped = false;

  constructor(clock: Clock, onDue: (keys: readonly string[]) => void) {
    this.#clock = clock;
    this.#onDue = onDue;
  }

  get size(): number {
    return this.#dueAt.size;
  }

  /** Entries that are kept, overtaken ones among them. */
  get entries(): number {
    return this.#heap.length;
  }

  set(key: string, at: Instant): void {
    const before = this.#dueAt.get(key);
    if (before !== undefined && before <= at) return;
    this.#dueAt.set(key, at);
    this.#push({ key, at });
    if (this.#heap.length > overtakenAtMost + 2 * this.#dueAt.size) this.#rebuild();
    this.#sleepUntilNext();
  }

  delete(key: string): void {
    this.#dueAt.delete(key);
  }

  stop(): void {
    this.#stopped = true;
    this.#dueAt.clear();
    this.#heap.length = 0;
    this.#sleep?.abort.abort();
    this.#sleep = undefined;
  }

  #sleepUntilNext(): void {
    this.#dropOvertaken();
    const next = this.#heap[0];
    if (next === undefined || this.#stopped) return;
    if (this.#sleep !== undefined && this.#sleep.until <= next.at) return;
    this.#sleep?.abort.abort();
    const sleep = { until: next.at, abort: new AbortController() };
    this.#sleep = sleep;
    const delayMs = Math.max(0, next.at - this.#clock.now());
    this.#clock.sleep(delayMs, sleep.abort.signal).then(
      () => this.#wake(),
      () => undefined, // an earlier time took its place, or the heap was stopped
    );
  }

  #wake(): void {
    this.#sleep = undefined;
    const now = this.#clock.now();
    const due: string[] = [];
    for (let next = this.#heap[0]; next !== undefined && next.at <= now; next = this.#heap[0]) {
      this.#pop();
      if (this.#dueAt.get(next.key) !== next.at) continue;
      this.#dueAt.delete(next.key);
      due.push(next.key);
    }
    this.#sleepUntilNext();
    if (due.length > 0) this.#onDue(due);
  }

  /** Due times that are put off again and again must not fill the memory until the last of them. */
  #rebuild(): void {
    this.#heap.length = 0;
    for (const [key, at] of this.#dueAt) this.#push({ key, at });
  }

  #dropOvertaken(): void {
    for (let next = this.#heap[0]; next !== undefined; next = this.#heap[0]) {
      if (this.#dueAt.get(next.key) === next.at) return;
      this.#pop();
    }
  }

  #push(timer: Timer): void {
    const heap = this.#heap;
    let index = heap.length;
    heap.push(timer);
    while (index > 0) {
      const parent = (index - 1) >>> 1;
      const above = heap[parent];
      if (above === undefined || above.at <= timer.at) break;
      heap[index] = above;
      index = parent;
    }
    heap[index] = timer;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      const right = heap[child + 1];
      if (right !== undefined && right.at < (heap[child]?.at ?? 0)) child += 1;
      const below = heap[child];
      if (below === undefined || below.at >= last.at) break;
      heap[index] = below;
      index = child;
    }
    heap[index] = last;
  }
}
