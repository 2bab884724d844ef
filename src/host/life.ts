import type { LifeAccess } from '../model/life.ts';

/**
 * Proof of life by datagrams. Each may be lost, doubled, late or forged; what is forged or said
 * again is dropped by whoever receives it.
 */

/** What a node says: that it lives; or that it does, and hears nobody answer. */
export type LifeWord = 'alive' | 'deaf';

/** What the manager does with what nodes say. */
export type HearLife = (nodeId: string, word: LifeWord) => void;

/** The manager's side. */
export interface LifeReceiver {
  /**
   * The node may send from now on; what it was allowed before is void. Undefined: nothing receives.
   */
  admit(nodeId: string): LifeAccess | undefined;
  forget(nodeId: string): void;
}

/** The agent's side. */
export interface LifeSender {
  /** Sends the word, or does nothing where it cannot; numbers rise. */
  send(number: number, word: LifeWord): void;
  close(): void;
}

export interface LifeTransport {
  /**
   * To the manager of the session that is open. `onAnswer` is called with numbers it heard.
   * Undefined: that one is on this machine.
   */
  open(access: LifeAccess, onAnswer: (number: number) => void): LifeSender | undefined;
}
