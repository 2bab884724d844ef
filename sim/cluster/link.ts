import type { Clock } from '../../src/host/clock.ts';
import type { LifeReceiver, LifeTransport } from '../../src/host/life.ts';
import type { Prng } from '../../src/lib/prng.ts';
import { SimulatedTransport } from '../transport.ts';

/** The way between one node and its manager: a stream that arrives in the end, and datagrams. */
export class NodeLink {
  readonly sessions: SimulatedTransport;
  /** Chance that a datagram is lost, 0 … 1. */
  lossChance = 0;
  maximumDelayMs = 10;
  readonly #clock: Clock;
  readonly #dice: Prng;

  constructor(options: { readonly clock: Clock; readonly dice: Prng }) {
    this.#clock = options.clock;
    this.#dice = options.dice;
    this.sessions = new SimulatedTransport({ ...options, model: { maximumDelayMs: 10 } });
  }

  cut(directions: { readonly up: boolean; readonly down: boolean }): void {
    Object.assign(this.sessions.cut, directions);
  }

  get isCut(): boolean {
    return this.sessions.cut.up || this.sessions.cut.down;
  }

  get isBad(): boolean {
    return this.lossChance > 0 || this.maximumDelayMs > 10;
  }

  makeBad(how: { readonly lossChance: number; readonly maximumDelayMs: number }): void {
    this.lossChance = how.lossChance;
    this.maximumDelayMs = how.maximumDelayMs;
    this.sessions.model = { ...this.sessions.model, maximumDelayMs: how.maximumDelayMs };
  }

  heal(): void {
    this.cut({ up: false, down: false });
    this.makeBad({ lossChance: 0, maximumDelayMs: 10 });
  }

  /** A datagram, which may be lost on its way. */
  carry(direction: 'up' | 'down', arrive: () => void): void {
    const isLost = this.#dice.chance(this.lossChance);
    const delayMs = this.#dice.below(this.maximumDelayMs + 1);
    if (isLost || this.sessions.cut[direction]) return;
    void this.#clock.sleep(delayMs).then(() => {
      if (!this.sessions.cut[direction]) arrive();
    });
  }
}

/** Datagrams between the nodes and the manager that lives at the time. */
export class SimulatedLife implements LifeReceiver {
  readonly #links: ReadonlyMap<string, NodeLink>;
  readonly #keys = new Map<number, { readonly nodeId: string; last: number }>();
  #heard: ((nodeId: string) => void) | undefined;
  #made = 0;
  /** The manager reads nothing before this is resolved. */
  listening: () => Promise<void> = async () => undefined;

  /** By host name. */
  constructor(links: ReadonlyMap<string, NodeLink>) {
    this.#links = links;
  }

  serve(heard: (nodeId: string) => void): this {
    this.#heard = heard;
    this.#keys.clear();
    return this;
  }

  stop(): void {
    this.#heard = undefined;
  }

  admit(nodeId: string): { readonly keyId: number; readonly key: string } {
    this.#made += 1;
    this.forget(nodeId);
    this.#keys.set(this.#made, { nodeId, last: 0 });
    return { keyId: this.#made, key: '' };
  }

  forget(nodeId: string): void {
    for (const [keyId, key] of this.#keys) if (key.nodeId === nodeId) this.#keys.delete(keyId);
  }

  /** The side of the node with that host name. */
  of(hostname: string): LifeTransport {
    return {
      open: (access, onAnswer) => {
        const link = this.#links.get(hostname);
        let isOpen = true;
        const answer = (number: number): void => {
          if (isOpen) onAnswer(number);
        };
        return {
          send: (number) =>
            link?.carry(
              'up',
              () => void this.#receive({ link, keyId: access.keyId, number, answer }),
            ),
          close: () => {
            isOpen = false;
          },
        };
      },
    };
  }

  async #receive(what: {
    readonly link: NodeLink;
    readonly keyId: number;
    readonly number: number;
    readonly answer: (number: number) => void;
  }): Promise<void> {
    await this.listening();
    const key = this.#keys.get(what.keyId);
    if (key === undefined || this.#heard === undefined || what.number <= key.last) return;
    key.last = what.number;
    this.#heard(key.nodeId);
    what.link.carry('down', () => what.answer(what.number));
  }
}
