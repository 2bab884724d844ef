interface Remembered<Value> {
  readonly inputs: readonly unknown[];
  readonly value: Value;
  /** The last one in which somebody asked for it. */
  round: number;
}

/**
 * Values by key, computed again only where what they follow from is not the same as in the round
 * before. Inputs are compared by identity (`Object.is`): rows are replaced, never changed. A round
 * in which nothing differs makes nothing new.
 */
export class KeyedMemo<Value> {
  readonly #all = new Map<string, Remembered<Value>>();
  #round = 0;
  /** Keys that were asked for in this round. */
  #asked = 0;
  #come: Value[] = [];
  #gone: Value[] = [];

  /** The value of a key in this round. */
  get(key: string, inputs: readonly unknown[], compute: () => Value): Value {
    const known = this.#all.get(key);
    if (known?.round !== this.#round) this.#asked += 1;
    if (known !== undefined && hasSameItems(known.inputs, inputs)) {
      known.round = this.#round;
      return known.value;
    }
    const value = compute();
    if (known === undefined || known.value !== value) {
      this.#come.push(value);
      if (known !== undefined) this.#gone.push(known.value);
    }
    this.#all.set(key, { inputs, value, round: this.#round });
    return value;
  }

  /**
   * Ends a round: what nobody asked for in it is forgotten.
   *
   * @returns The values that came in it, and those that went; one that was computed again is both.
   */
  endRound(): { readonly come: readonly Value[]; readonly gone: readonly Value[] } {
    if (this.#asked !== this.#all.size) this.#forgetOthers();
    const ended = { come: this.#come, gone: this.#gone };
    this.#round += 1;
    this.#asked = 0;
    this.#come = [];
    this.#gone = [];
    return ended;
  }

  #forgetOthers(): void {
    for (const [key, { value, round }] of this.#all) {
      if (round === this.#round) continue;
      this.#all.delete(key);
      this.#gone.push(value);
    }
  }
}

function hasSameItems(one: readonly unknown[], other: readonly unknown[]): boolean {
  if (one.length !== other.length) return false;
  for (let index = 0; index < one.length; index += 1) {
    if (!Object.is(one[index], other[index])) return false;
  }
  return true;
}
