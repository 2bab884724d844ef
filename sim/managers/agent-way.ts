import type { Clock } from '../../src/host/clock.ts';
import type { LifeSender, LifeTransport, LifeWord } from '../../src/host/life.ts';
import type { AgentTransport } from '../../src/host/transport.ts';
import { TuttiError } from '../../src/lib/error.ts';
import type { Prng } from '../../src/lib/prng.ts';
import { HeardSessions } from '../../src/membership/heard-sessions.ts';
import type { LifeAccess } from '../../src/model/life.ts';
import type { Fabric } from '../fabric.ts';
import { SimulatedTransport } from '../transport.ts';
import type { SimulatedManager } from './manager.ts';

const connectLimitMs = 1_500;
const socketLimitMs = 1_000;

/**
 * A machine's ways to all managers: its own first, as nodes do it, then the others in an order that
 * is drawn, the one that was asked last at the end.
 */
export class AgentWay {
  readonly transport: AgentTransport;
  readonly life: LifeTransport;
  readonly #index: number;
  readonly #clock: Clock;
  readonly #dice: Prng;
  readonly #fabric: Fabric;
  readonly #managers: () => readonly SimulatedManager[];
  readonly #transports = new Map<SimulatedManager, SimulatedTransport>();
  readonly #peer: { readonly nodeId: string; readonly address: string; readonly rootId: string };
  #askedLast: SimulatedManager | undefined;

  constructor(options: {
    readonly index: number;
    readonly nodeId: string;
    readonly address: string;
    readonly rootId: string;
    readonly clock: Clock;
    readonly dice: Prng;
    readonly fabric: Fabric;
    readonly managers: () => readonly SimulatedManager[];
  }) {
    this.#index = options.index;
    this.#clock = options.clock;
    this.#dice = options.dice;
    this.#fabric = options.fabric;
    this.#managers = options.managers;
    const { nodeId, address, rootId } = options;
    this.#peer = { nodeId, address, rootId };
    const openLogs = async () => await Promise.reject(silent());
    const sessions = new HeardSessions({
      clock: options.clock,
      localTransport: {
        openSession: async (signal) => await this.#openAt(this.#own, signal),
        openLogs,
      },
      isLocalFirst: () => this.#own !== undefined,
      openElsewhere: async (signal) => await this.#openElsewhere(signal),
    });
    this.transport = {
      openSession: async (signal) => await sessions.open(signal),
      openLogs,
    };
    this.life = { open: (access, onAnswer) => this.#datagrams(access, onAnswer) };
  }

  /** The process of that manager is gone: what was open to it breaks. */
  lost(manager: SimulatedManager): void {
    this.#transports.get(manager)?.stop();
  }

  get #own(): SimulatedManager | undefined {
    return this.#managers().find(({ index }) => index === this.#index);
  }

  async #openElsewhere(signal: AbortSignal) {
    const all = this.#managers();
    const first = Math.floor(this.#dice.fraction() * all.length);
    const drawn = [...all.slice(first), ...all.slice(0, first)];
    const others = drawn.filter(({ index }) => index !== this.#index);
    const isLast = (one: SimulatedManager): boolean => one === this.#askedLast;
    const ordered = [
      ...others.filter((one) => !isLast(one)),
      ...others.filter((one) => isLast(one)),
    ];
    let last: unknown = silent();
    for (const manager of ordered) {
      signal.throwIfAborted();
      this.#askedLast = manager;
      try {
        return await this.#openAt(manager, signal);
      } catch (error) {
        last = error;
      }
    }
    throw last;
  }

  async #openAt(manager: SimulatedManager | undefined, signal: AbortSignal) {
    if (manager === undefined) throw silent();
    await this.#mustAnswer(manager, signal);
    return await this.#to(manager).agent().openSession(signal);
  }

  async #mustAnswer(manager: SimulatedManager, signal: AbortSignal): Promise<void> {
    const [here, there] = [this.#index, manager.index];
    const isOpen = this.#fabric.isOpen(here, there) && this.#fabric.isOpen(there, here);
    if (isOpen && !manager.isUp) throw silent();
    if (isOpen && !manager.isFrozen) return;
    await this.#clock.sleep(here === there ? socketLimitMs : connectLimitMs, signal);
    throw silent();
  }

  #to(manager: SimulatedManager): SimulatedTransport {
    const known = this.#transports.get(manager);
    const transport =
      known ??
      new SimulatedTransport({
        clock: this.#clock,
        dice: this.#dice,
        ways: {
          model: this.#fabric.modelOf(this.#index, manager.index),
          cut: this.#fabric.cutOf(this.#index, manager.index),
        },
      });
    transport.listening = manager.running;
    transport.serve(manager.handler(this.#peer));
    this.#transports.set(manager, transport);
    return transport;
  }

  #datagrams(access: LifeAccess, onAnswer: (number: number) => void): LifeSender | undefined {
    const manager = this.#managers().find(({ address }) => address === access.address);
    if (manager === undefined) return undefined;
    let isOpen = true;
    const [here, there] = [this.#index, manager.index];
    const arrive = async (number: number, word: LifeWord): Promise<void> => {
      const isAnswered = await manager.ear.receive({ keyId: access.keyId, number, word });
      if (!isAnswered) return;
      this.#fabric.carry({ from: there, to: here }, () => {
        if (isOpen) onAnswer(number);
      });
    };
    return {
      send: (number, word) =>
        this.#fabric.carry({ from: here, to: there }, () => void arrive(number, word)),
      close: () => {
        isOpen = false;
      },
    };
  }
}

function silent(): TuttiError {
  return new TuttiError('unavailable', 'the manager does not answer');
}
