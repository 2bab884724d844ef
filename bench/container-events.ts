import { ApiClient } from '../src/client/api-client.ts';

interface EngineEvent {
  readonly Action: string;
}

/** Counts what an engine says of its containers, from the moment it is opened. */
export class ContainerEvents implements Disposable {
  readonly #stop = new AbortController();
  readonly #counts = new Map<string, number>();
  readonly #waiting = new Set<() => void>();

  private constructor(engineSocket: string, opened: () => void) {
    void this.#follow(engineSocket, opened);
  }

  /** Resolves when the engine's stream is open: nothing after that is missed. */
  static async open(engineSocket: string): Promise<ContainerEvents> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const events = new ContainerEvents(engineSocket, resolve);
    await promise;
    return events;
  }

  /** Resolves once that many containers did it (`start`, `die`). */
  async reached(action: string, count: number): Promise<void> {
    while ((this.#counts.get(action) ?? 0) < count) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiting.add(resolve);
      await promise;
      this.#waiting.delete(resolve);
    }
  }

  [Symbol.dispose](): void {
    this.#stop.abort();
  }

  async #follow(engineSocket: string, opened: () => void): Promise<void> {
    const client = new ApiClient(engineSocket);
    const filters = encodeURIComponent(JSON.stringify({ type: ['container'] }));
    const lines = client.lines<EngineEvent>({
      method: 'GET',
      path: `/events?filters=${filters}`,
      signal: this.#stop.signal,
    });
    // The engine answers before its first event: reading on means that it listens.
    setImmediate(opened);
    try {
      for await (const event of lines) {
        this.#counts.set(event.Action, (this.#counts.get(event.Action) ?? 0) + 1);
        for (const wake of this.#waiting) wake();
      }
    } catch (error) {
      if (!this.#stop.signal.aborted) throw error;
    }
  }
}
