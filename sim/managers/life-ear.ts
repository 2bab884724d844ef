import type { HearLife, LifeReceiver, LifeWord } from '../../src/host/life.ts';

/** Datagrams of nodes, as `UdpLifeReceiver` hears them. */
export class LifeEar implements LifeReceiver {
  readonly #running: () => Promise<void>;
  readonly #mayAnswer: () => boolean;
  readonly #keys = new Map<number, { readonly nodeId: string; last: number }>();
  #heard: HearLife = () => undefined;
  #made = 0;

  constructor(options: {
    readonly running: () => Promise<void>;
    readonly mayAnswer: () => boolean;
  }) {
    this.#running = options.running;
    this.#mayAnswer = options.mayAnswer;
  }

  /** Who was admitted before is to be so anew. */
  tell(heard: HearLife): this {
    this.#heard = heard;
    this.#keys.clear();
    return this;
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

  /** Resolves with whether it is to be answered. */
  async receive(said: {
    readonly keyId: number;
    readonly number: number;
    readonly word: LifeWord;
  }): Promise<boolean> {
    await this.#running();
    const { keyId, number, word } = said;
    const key = this.#keys.get(keyId);
    if (key === undefined || number <= key.last || !this.#mayAnswer()) return false;
    key.last = number;
    this.#heard(key.nodeId, word);
    return true;
  }
}
