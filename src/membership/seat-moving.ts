import { formatHostPort, parseHostPort } from '../lib/host-port.ts';
import type { KnownManager } from '../model/known-manager.ts';
import { parseMemberAnswer, peerUrlOf } from '../wire/manager-calls.ts';
import { askOn } from './asking.ts';
import type { Member, SeatTakingOptions } from './seat-taking.ts';

/** A manager, and what the others should know of it. */
interface Move {
  readonly manager: Member;
  readonly seat: KnownManager;
}

export interface SeatMovingOptions
  extends Pick<SeatTakingOptions, 'clock' | 'logger' | 'calls' | 'onTrouble'> {
  /** Among the managers, with a certificate for its address; undefined: it is none. */
  manager(): Member | undefined;
  /** All managers know it by that address now. */
  onMoved(managers: readonly KnownManager[]): Promise<void>;
}

/** Has the others find a manager at its address when that is not the one that they know. */
export class SeatMoving {
  readonly #options: SeatMovingOptions;

  constructor(options: SeatMovingOptions) {
    this.#options = options;
  }

  /** Until the signal. `changed` gives what resolves when the node, or who manages, is another. */
  async run(signal: AbortSignal, changed: () => Promise<void>): Promise<void> {
    const on = {
      ...this.#options,
      changed,
      asker: () => this.#elsewhere(),
      ask: async (move: Move) => await this.#move(move, signal),
      onTrouble: (why: string) => this.#options.onTrouble(why),
      waiting: 'not known at its address yet',
    };
    await askOn(on, signal);
  }

  #elsewhere(): Move | undefined {
    const manager = this.#options.manager();
    const seat = manager && seatElsewhere(manager);
    return seat && { manager, seat };
  }

  /** Empty: it is known at its address; else what that waits for. */
  async #move({ manager, seat }: Move, signal: AbortSignal): Promise<string> {
    const { membership, nodeId } = manager;
    const { address } = seat;
    const peerUrl = peerUrlOf(membership.address);
    const body = { step: 'ready', address, peerUrl } as const;
    const asked = { identity: manager, call: 'manager.member', body } as const;
    const answer = parseMemberAnswer(await this.#options.calls.manager(asked, signal));
    if (answer.kind === 'waiting') return answer.why;
    this.#options.logger.info('the managers find this one at its address', { address });
    const others = membership.managers.filter((one) => one.nodeId !== nodeId);
    await this.#options.onMoved([...others, seat]);
    return '';
  }
}

/** What the others should know of this manager; undefined: they know it, or name it no manager. */
function seatElsewhere({ nodeId, membership }: Member): KnownManager | undefined {
  const known = membership.managers.find((one) => one.nodeId === nodeId);
  const at = known === undefined ? undefined : parseHostPort(known.address);
  if (at === undefined || at.host === membership.address) return undefined;
  return { nodeId, address: formatHostPort({ ...at, host: membership.address }) };
}
