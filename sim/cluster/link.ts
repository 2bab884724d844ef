import type { Clock } from '../../src/host/clock.ts';
import type { HearLife, LifeReceiver, LifeTransport, LifeWord } from '../../src/host/life.ts';
import type { Prng } from '../../src/lib/prng.ts';
import type { Instant } from '../../src/model/instant.ts';
import { SimulatedTransport } from '../transport.ts';

/** Of each datagram, and how late the copy may be. */
const copyChance = 0.05;
const longestCopyMs = 20_000;

/** The way between one node and its manager: a stream that arrives in the end, and datagrams. */
export class NodeLink {
  readonly sessions: SimulatedTransport;
  /** Chance that a datagram is lost, 0 … 1. */
  lossChance = 0;
  maximumDelayMs = 10;
  /** When something that was on its way for long was taken for a sign of life behind a cut. */
  strayAt: Instant | undefined;
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

  noteHeard(): void {
    if (this.sessions.cut.up) this.strayAt = this.#clock.now();
  }

  /**
   * A datagram, which may be lost on its way, be overtaken, or come twice: the copy perhaps long
   * after, and by a way that is open while its sender is not there any more.
   */
  carry(direction: 'up' | 'down', arrive: () => void): void {
    const isLost = this.#dice.chance(this.lossChance);
    const delayMs = this.#dice.below(this.maximumDelayMs + 1);
    const hasCopy = this.#dice.chance(copyChance);
    if (this.sessions.cut[direction]) return;
    if (hasCopy) void this.#clock.sleep(this.#dice.below(longestCopyMs)).then(() => arrive());
    if (isLost) return;
    void this.#clock.sleep(delayMs).then(() => {
      if (!this.sessions.cut[direction]) arrive();
    });
  }
}

/** Datagrams between the nodes and the manager that lives at the time. */
export class SimulatedLife implements LifeReceiver {
  readonly #links: ReadonlyMap<string, NodeLink>;
  readonly #keys = new Map<number, { readonly nodeId: string; last: number }>();
  #heard: HearLife | undefined;
  #made = 0;
  /** The manager reads nothing before this is resolved. */
  listening: () => Promise<void> = async () => undefined;

  readonly #takesCopies: boolean;

  /** By host name. */
  constructor(
    links: ReadonlyMap<string, NodeLink>,
    { takesCopies }: { readonly takesCopies: boolean },
  ) {
    this.#links = links;
    this.#takesCopies = takesCopies;
  }

  serve(heard: HearLife): this {
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
          send: (number, word) =>
            link?.carry(
              'up',
              () => void this.#receive({ link, keyId: access.keyId, number, word, answer }),
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
    readonly word: LifeWord;
    readonly answer: (number: number) => void;
  }): Promise<void> {
    await this.listening();
    const key = this.#keys.get(what.keyId);
    if (key === undefined || this.#heard === undefined) return;
    if (what.number <= key.last && !this.#takesCopies) return;
    key.last = Math.max(key.last, what.number);
    what.link.noteHeard();
    this.#heard(key.nodeId, what.word);
    what.link.carry('down', () => what.answer(what.number));
  }
}
