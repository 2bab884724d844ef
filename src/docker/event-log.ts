import { BoundedQueue } from '../lib/bounded-queue.ts';
import { TuttiError } from '../lib/error.ts';
import type { ControlPlane } from '../manager/control-plane.ts';
import { type ClusterEvent, toEvent } from './cluster-events.ts';

/** As many as the Docker Engine remembers (moby daemon/events). */
const rememberedEvents = 256;
/** Events that a slow reader may be behind before it is let go. */
const readerBacklog = 1_024;

/** The cluster's events: the last ones, and those to come. Created once for each manager. */
export class EventLog {
  readonly #recent: ClusterEvent[] = [];
  readonly #readers = new Set<BoundedQueue<ClusterEvent>>();
  readonly #stop: () => void;

  constructor(controlPlane: ControlPlane) {
    this.#stop = controlPlane.onCommit((commit) => {
      const from = { view: controlPlane.view, now: controlPlane.now() };
      for (const change of commit.changes) {
        const event = toEvent(change, from);
        if (event !== undefined) this.#add(event);
      }
    });
  }

  recent(): readonly ClusterEvent[] {
    return [...this.#recent];
  }

  /**
   * Events from now on, until the signal. Subscribed when it is called, not when it is first read.
   */
  follow(signal: AbortSignal): AsyncIterable<ClusterEvent> {
    const reader = new BoundedQueue<ClusterEvent>(readerBacklog);
    const end = (): void => {
      this.#readers.delete(reader);
      reader.close();
    };
    this.#readers.add(reader);
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
    return reader;
  }

  close(): void {
    this.#stop();
    for (const reader of this.#readers) reader.close();
    this.#readers.clear();
  }

  #add(event: ClusterEvent): void {
    this.#recent.push(event);
    if (this.#recent.length > rememberedEvents) this.#recent.shift();
    for (const reader of this.#readers) {
      if (reader.size + 1 < readerBacklog) {
        void reader.push(event);
        continue;
      }
      this.#readers.delete(reader);
      reader.fail(new TuttiError('resource-exhausted', 'the reader of events is too slow'));
    }
  }
}
