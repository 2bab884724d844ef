import type {
  LeadershipStore,
  Sighting,
  SignOutcome,
  TakeOutcome,
} from '../host/followed-store.ts';
import type { EtcdClient } from './etcd-client.ts';
import { EtcdKeys, equals } from './etcd-keys.ts';
import {
  decodeTransactionReply,
  type EtcdCompare,
  type EtcdOperation,
  type EtcdTransaction,
  type EtcdTransactionReply,
  encodeTransaction,
} from './etcd-messages.ts';

const attemptMs = 250;
const limitMs = 600;
/** In the place of a manager's name. */
const released = '-';

export interface EtcdLeadershipOptions {
  readonly client: EtcdClient;
  /** Of this life of this manager: another life of it has another name. No spaces. */
  readonly name: string;
  readonly prefix?: string;
}

/** What two keys say: how far the holder has written, and its last sign of life. */
export interface EtcdSigns {
  readonly epoch: number;
  readonly revision: number;
  readonly holder: string | undefined;
}

/** Agrees on the epoch by transactions of etcd. */
export class EtcdLeadership implements LeadershipStore {
  readonly #client: EtcdClient;
  readonly #keys: EtcdKeys;
  readonly #name: string;
  #beat = 0;

  constructor({ client, name, prefix }: EtcdLeadershipOptions) {
    this.#client = client;
    this.#keys = new EtcdKeys(prefix);
    this.#name = name;
  }

  async ask(): Promise<Sighting | undefined> {
    const reply = await this.#transact({ compares: [], success: this.#gets });
    return reply === undefined ? undefined : sightingOf(signsOf(reply));
  }

  async take(seen: Sighting): Promise<TakeOutcome> {
    const keys = this.#keys;
    const epoch = seen.epoch + 1;
    const holder = `${epoch} ${this.#name} 0`;
    const { revision, holder: before } = readSign(seen.sign);
    const isSame: EtcdCompare =
      before === undefined
        ? { kind: 'absent', key: keys.holder }
        : { kind: 'value', key: keys.holder, value: before };
    const reply = await this.#transact({
      compares: [equals(keys.epoch, seen.epoch), equals(keys.revision, revision), isSame],
      success: [
        { kind: 'put', key: keys.layout, value: '1' },
        { kind: 'put', key: keys.epoch, value: String(epoch) },
        { kind: 'put', key: keys.holder, value: holder },
      ],
      failure: this.#gets,
    });
    if (reply === undefined) return { kind: 'lost' };
    const signs = reply.succeeded ? undefined : signsOf(reply);
    // An attempt whose answer was lost may have done it.
    const isMine = signs === undefined || (signs.epoch === epoch && signs.holder === holder);
    return isMine ? { kind: 'taken', epoch } : { kind: 'not-taken', seen: sightingOf(signs) };
  }

  async writeSign(epoch: number): Promise<SignOutcome> {
    this.#beat += 1;
    const value = `${epoch} ${this.#name} ${this.#beat}`;
    const reply = await this.#transact({
      compares: [equals(this.#keys.epoch, epoch)],
      success: [{ kind: 'put', key: this.#keys.holder, value }],
      failure: this.#gets,
    });
    if (reply === undefined) return { kind: 'lost' };
    if (reply.succeeded) return { kind: 'proven' };
    return { kind: 'refused', seen: sightingOf(signsOf(reply)) };
  }

  async release(epoch: number): Promise<void> {
    await this.#transact({
      compares: [equals(this.#keys.epoch, epoch)],
      success: [{ kind: 'put', key: this.#keys.holder, value: `${epoch} ${released} 0` }],
    });
  }

  get #gets(): readonly EtcdOperation[] {
    const { epoch, revision, holder } = this.#keys;
    return [epoch, revision, holder].map((key) => ({ kind: 'get', key }));
  }

  async #transact(transaction: EtcdTransaction): Promise<EtcdTransactionReply | undefined> {
    const message = encodeTransaction(transaction);
    const outcome = await this.#client.call('etcdserverpb.KV/Txn', { message, attemptMs, limitMs });
    return outcome.kind === 'reply' ? decodeTransactionReply(outcome.message) : undefined;
  }
}

export function sightingOf({ epoch, revision, holder }: EtcdSigns): Sighting {
  if (holder === undefined) return { epoch, sign: JSON.stringify([revision]) };
  const name = holder.split(' ')[1];
  const sign = JSON.stringify([revision, holder]);
  if (name === released) return { epoch, sign, isReleased: true };
  return { epoch, sign, ...(name !== undefined && { holder: name }) };
}

function readSign(sign: string): { readonly revision: number; readonly holder?: string } {
  const [revision, holder] = JSON.parse(sign) as readonly [number, string?];
  return holder === undefined ? { revision } : { revision, holder };
}

function signsOf({ found }: EtcdTransactionReply): EtcdSigns {
  const [epoch, revision, holder] = found.map((pairs) => pairs[0]?.value.toString());
  return { epoch: Number(epoch ?? 0), revision: Number(revision ?? 0), holder };
}
