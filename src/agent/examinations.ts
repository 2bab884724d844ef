import type { Clock } from '../host/clock.ts';
import type { Logger } from '../host/logger.ts';
import type { NodeNetwork } from '../host/node-network.ts';
import { TuttiError } from '../lib/error.ts';
import type { ExaminationOrder, NodeExamination } from '../model/network-examination.ts';

/** A node looks no longer, whoever forgot to tell it to end. */
const limitMs = 20_000;

/** Looks at the network when it is told to: one look at a time. */
export class Examinations {
  readonly #network: NodeNetwork;
  readonly #clock: Clock;
  readonly #logger: Logger;
  #running: { readonly requestId: string; readonly stop: AbortController } | undefined;

  constructor(options: {
    readonly network: NodeNetwork;
    readonly clock: Clock;
    readonly logger: Logger;
  }) {
    this.#network = options.network;
    this.#clock = options.clock;
    this.#logger = options.logger;
  }

  /**
   * Tells what was seen, or why nothing was; goes on to answer other nodes until it is cancelled or
   * its time is over.
   */
  async run(
    request: { readonly requestId: string; readonly order?: ExaminationOrder },
    on: {
      readonly signal: AbortSignal;
      readonly tell: (seen: NodeExamination | TuttiError) => void;
    },
  ): Promise<void> {
    if (this.#running !== undefined) {
      return on.tell(new TuttiError('conflict', 'somebody looks at its network already'));
    }
    const stop = new AbortController();
    this.#running = { requestId: request.requestId, stop };
    const signal = AbortSignal.any([on.signal, stop.signal]);
    void this.#clock.sleep(limitMs, signal).then(
      () => stop.abort(),
      () => undefined,
    );
    const { order } = request;
    try {
      const ask = { signal, tell: on.tell, ...(order !== undefined && { order }) };
      await this.#network.examine(ask);
    } catch (reason) {
      const error = TuttiError.from(reason);
      if (!signal.aborted) on.tell(error);
      else this.#logger.debug('a look at the network was ended', { error: error.message });
    } finally {
      stop.abort();
      this.#running = undefined;
    }
  }

  cancel(requestId: string): void {
    if (this.#running?.requestId === requestId) this.#running.stop.abort();
  }
}
