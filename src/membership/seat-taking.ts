import type { Clock } from '../host/clock.ts';
import type { Logger } from '../host/logger.ts';
import type { ManagerCalls, NodeIdentity, NodeMembershipRecord } from '../host/node-identity.ts';
import type { NodeSeat } from '../host/seat-host.ts';
import {
  clusterPort,
  defaultListenAddress,
  formatHostPort,
  parseHostPort,
} from '../lib/host-port.ts';
import { parseMemberAnswer, parseSealingKey, peerUrlOf } from '../wire/manager-calls.ts';
import { askOn } from './asking.ts';

export type Member = NodeIdentity & { readonly membership: NodeMembershipRecord };

export interface SeatTakingOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly calls: ManagerCalls;
  readonly seat: NodeSeat;
  /** With the certificate of a manager and without a seat; undefined: it is to have none. */
  candidate(): Member | undefined;
  /** Everything that a manager process needs is there. */
  onTaken(): void;
  /** What keeps the node from its seat. */
  onTrouble(why: string): void;
}

/**
 * Has a node that was declared a manager become one: asks for a seat until there is one, and makes
 * everything ready for the manager process.
 */
export class SeatTaking {
  readonly #options: SeatTakingOptions;

  constructor(options: SeatTakingOptions) {
    this.#options = options;
  }

  /** Until the signal. `changed` gives what resolves when the node has another identity. */
  async run(signal: AbortSignal, changed: () => Promise<void>): Promise<void> {
    const on = {
      ...this.#options,
      changed,
      asker: () => this.#options.candidate(),
      ask: async (candidate: Member) => await this.#take(candidate, signal),
      onTrouble: (why: string) => this.#options.onTrouble(why),
      waiting: 'not among the managers yet',
    };
    await askOn(on, signal);
  }

  /** Empty: it has its seat; else what it waits for. */
  async #take(candidate: Member, signal: AbortSignal): Promise<string> {
    const { calls, seat: desk, logger } = this.#options;
    const obstacle = await desk.obstacle();
    if (obstacle !== undefined) return `this machine cannot be a manager: ${obstacle}`;
    const { address: host, listenAddress = defaultListenAddress } = candidate.membership;
    const port = parseHostPort(listenAddress)?.port ?? clusterPort;
    const seat = {
      address: formatHostPort({ host, port }),
      peerUrl: peerUrlOf(host),
    };
    const ask = async (call: 'manager.member' | 'manager.sealing-key', body: object) =>
      await calls.manager({ identity: candidate, call, body }, signal);
    const answer = parseMemberAnswer(await ask('manager.member', { step: 'ready', ...seat }));
    if (answer.kind === 'waiting') return answer.why;
    const sealingKey = parseSealingKey(await ask('manager.sealing-key', {}));
    const { clusterId, firstMembers } = answer;
    // It may have left, or been demoted, while it asked.
    if (this.#options.candidate()?.nodeId !== candidate.nodeId) return '';
    await desk.take({ identity: candidate, clusterId, seat, firstMembers, sealingKey });
    logger.info('this node is among the managers', { address: seat.address });
    this.#options.onTaken();
    return '';
  }
}
