import type { MessageStream } from '../../src/host/transport.ts';
import type { AgentMessage, ManagerMessage } from '../../src/wire/messages.ts';

type Upstream = MessageStream<AgentMessage, ManagerMessage>;
type Downstream = MessageStream<ManagerMessage, AgentMessage>;

/** An agent's session on its way from one manager to another: a stream that can be cut off. */
export class RelayedSession {
  readonly stream: Upstream;
  readonly #onOver: () => void;
  readonly #listeners: (() => void)[] = [];
  #isOver = false;

  constructor(stream: Upstream, onOver: () => void) {
    this.stream = stream;
    this.#onOver = onOver;
  }

  /** Of an event emitter, as far as the relay needs one. */
  once(event: string, listener: () => void): this {
    if (event === 'close') this.#listeners.push(listener);
    return this;
  }

  destroy(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#onOver();
    for (const listener of this.#listeners) listener();
  }
}

/**
 * Joins an agent's session with the one at the leader: an end is an end on the other side, and what
 * breaks there breaks here. Resolves when both ended.
 */
export async function joinSessions(session: Downstream, upstream: RelayedSession): Promise<void> {
  const { stream } = upstream;
  const up = async (): Promise<void> => {
    for await (const message of session.incoming) await stream.send(message);
    stream.close();
  };
  const down = async (): Promise<void> => {
    for await (const message of stream.incoming) await session.send(message);
    session.close();
  };
  try {
    await Promise.all([up(), down()]);
  } finally {
    upstream.destroy();
  }
}
