import type { DnsAsker, NameSource } from '../host/network-devices.ts';
import type { EncodedAnswer } from './dns-answers.ts';

const answersLimit = 32_768;
const askersLimit = 4_096;
/** Longer ones, with options that differ each time, do not come again. */
const longestQueryBytes = 300;
/** The number of a query stands first. */
const numberBytes = 2;

type ByQuery = Map<string, EncodedAnswer>;

/**
 * Answers that were given over UDP, by who asked and by the bytes of the query, until names change.
 * Decoding a query and encoding its answer costs more than everything else about it.
 */
export class SentAnswers {
  readonly #names: NameSource;
  #revision: number;
  readonly #bySight = new Map<string, ByQuery>();
  /** By network and address. */
  #byAsker = new Map<string, Map<string, ByQuery>>();
  #askers = 0;
  #count = 0;

  constructor(names: NameSource) {
    this.#names = names;
    this.#revision = names.revision;
  }

  find({ networkId, clientAddress }: DnsAsker, query: Buffer): EncodedAnswer | undefined {
    if (this.#names.revision !== this.#revision) this.#forget();
    return this.#byAsker.get(networkId)?.get(clientAddress)?.get(keyOf(query));
  }

  keep(
    asker: DnsAsker,
    { query, answer }: { readonly query: Buffer; readonly answer: EncodedAnswer },
  ): void {
    if (query.length > longestQueryBytes) return;
    const isFull = this.#count >= answersLimit || this.#askers >= askersLimit;
    if (isFull || this.#names.revision !== this.#revision) this.#forget();
    this.#answersOf(asker).set(keyOf(query), answer);
    this.#count += 1;
  }

  #answersOf(asker: DnsAsker): ByQuery {
    const { networkId, clientAddress } = asker;
    const askers = this.#byAsker.get(networkId) ?? new Map<string, ByQuery>();
    this.#byAsker.set(networkId, askers);
    const known = askers.get(clientAddress);
    if (known !== undefined) return known;
    const sight = this.#names.sightOf(asker);
    const answers: ByQuery = this.#bySight.get(sight) ?? new Map();
    this.#bySight.set(sight, answers);
    askers.set(clientAddress, answers);
    this.#askers += 1;
    return answers;
  }

  #forget(): void {
    this.#revision = this.#names.revision;
    this.#bySight.clear();
    this.#byAsker = new Map();
    this.#askers = 0;
    this.#count = 0;
  }
}

function keyOf(query: Buffer): string {
  return query.toString('latin1', numberBytes);
}
