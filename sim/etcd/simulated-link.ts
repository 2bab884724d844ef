import type { Clock } from '../../src/host/clock.ts';
import { TuttiError } from '../../src/lib/error.ts';
import type { EtcdAttempt, EtcdLink, EtcdStream } from '../../src/os/etcd-channel.ts';
import type { EtcdMember, EtcdWatcher, SimulatedEtcd } from './simulated-etcd.ts';
import {
  readCompaction,
  readRange,
  readTransaction,
  readWatch,
  writeRangeReply,
  writeStatus,
  writeTransactionReply,
  writeWatchCompacted,
  writeWatchCreated,
  writeWatchEvents,
} from './wire.ts';

/** gRPC's own numbers. */
const statusUnavailable = 14;
const statusOutOfRange = 11;

/** The process that asks. */
export interface AskingProcess {
  /** Stands still while the process does. */
  readonly clock: Clock;
  /** Resolves when the process runs; what waited in its timers comes before. */
  readonly running: () => Promise<void>;
  /** What a watch tells is this late. */
  readonly watchLagMs: () => number;
}

/** The socket of the member beside a manager. */
export class SimulatedEtcdLink implements EtcdLink {
  readonly #etcd: SimulatedEtcd;
  readonly #member: EtcdMember;
  readonly #process: AskingProcess;
  readonly #streams = new Set<(why: string) => void>();

  constructor(of: {
    readonly etcd: SimulatedEtcd;
    readonly member: EtcdMember;
    readonly process: AskingProcess;
  }) {
    this.#etcd = of.etcd;
    this.#member = of.member;
    this.#process = of.process;
  }

  async call(
    method: string,
    { message, limitMs }: { readonly message: Buffer; readonly limitMs: number },
  ): Promise<EtcdAttempt> {
    const { clock, running } = this.#process;
    const member = this.#member;
    if (!member.isUp) return { kind: 'unreachable', text: 'nobody listens' };
    const { promise, resolve } = Promise.withResolvers<EtcdAttempt>();
    const over = new AbortController();
    clock.sleep(limitMs, over.signal).then(
      () => resolve({ kind: 'lost', text: `etcd gave no answer within ${limitMs} ms` }),
      () => undefined,
    );
    const broken = (): void => resolve({ kind: 'lost', text: 'the link to etcd broke' });
    member.callers.add(broken);
    void this.#answer(method, message).then(async (attempt) => {
      await running();
      resolve(attempt);
    });
    const attempt = await promise;
    over.abort('answered');
    member.callers.delete(broken);
    return attempt;
  }

  async open(
    _method: string,
    on: { readonly onMessage: (message: Buffer) => void; readonly onEnd: (why: string) => void },
  ): Promise<EtcdStream> {
    const member = this.#member;
    if (!member.isUp) throw new TuttiError('unavailable', 'etcd cannot be reached');
    if (member.leader === undefined) throw new TuttiError('unavailable', 'etcd has no leader');
    const state = { isOpen: true };
    const deliver = this.#inOrder((message) => {
      if (state.isOpen) on.onMessage(message);
    });
    const watcher: EtcdWatcher = {
      onCommit: (commit) => deliver(() => writeWatchEvents(commit)),
      onEnd: (why) => end(why),
    };
    const close = (): void => {
      state.isOpen = false;
      member.watchers.delete(watcher);
      this.#streams.delete(end);
    };
    const end = (why: string): void => {
      if (!state.isOpen) return;
      close();
      void this.#process.running().then(() => on.onEnd(why));
    };
    this.#streams.add(end);
    return {
      close,
      write: (message) => {
        const from = readWatch(message);
        deliver(writeWatchCreated);
        const missed = this.#etcd.keys.since(from);
        if (missed === undefined) {
          deliver(() => writeWatchCompacted(this.#etcd.keys.compacted));
          return;
        }
        for (const commit of missed) {
          if (commit.etcdRevision <= member.etcdRevision) watcher.onCommit(commit);
        }
        if (member.isUp) member.watchers.add(watcher);
        else end('the member died');
      },
    };
  }

  async ping(limitMs: number): Promise<boolean> {
    const { clock } = this.#process;
    const member = this.#member;
    const frozenMs = this.#etcd.frozenForMs(member);
    if (!member.isUp || frozenMs === 0) return member.isUp;
    await clock.sleep(limitMs);
    return frozenMs < limitMs;
  }

  reset(): void {
    for (const end of Array.from(this.#streams)) end('the link to etcd broke');
  }

  /** As etcd answers, once it does. */
  async #answer(method: string, message: Buffer): Promise<EtcdAttempt> {
    const member = this.#member;
    const { clock } = this.#process;
    const frozenMs = this.#etcd.frozenForMs(member);
    if (frozenMs > 0) await clock.sleep(frozenMs);
    if (method.endsWith('/Status')) {
      const { index, leader } = member;
      const named = leader === undefined ? undefined : leader + 1;
      return { kind: 'reply', message: writeStatus({ member: index + 1, leader: named }) };
    }
    if (method.endsWith('/Alarm')) return { kind: 'reply', message: Buffer.alloc(0) };
    if (member.leader === undefined) return no(statusUnavailable, 'etcdserver: no leader');
    if (method.endsWith('/Txn')) {
      const reply = await this.#etcd.transact(member, readTransaction(message));
      return { kind: 'reply', message: writeTransactionReply(reply) };
    }
    if (method.endsWith('/Compact')) {
      const isDone = await this.#etcd.compact(member, readCompaction(message));
      if (isDone) return { kind: 'reply', message: Buffer.alloc(0) };
      return no(statusOutOfRange, 'etcdserver: mvcc: required revision has been compacted');
    }
    return await this.#range(message);
  }

  async #range(message: Buffer): Promise<EtcdAttempt> {
    const { keys } = this.#etcd;
    const asked = readRange(message);
    await this.#etcd.readIndex(this.#member);
    const etcdRevision = asked.etcdRevision === 0 ? keys.etcdRevision : asked.etcdRevision;
    const pairs = keys.range({ ...asked, etcdRevision });
    if (pairs === undefined) {
      return no(statusOutOfRange, 'etcdserver: mvcc: required revision has been compacted');
    }
    const page = pairs.slice(0, asked.limit);
    const more = pairs.length > page.length;
    return { kind: 'reply', message: writeRangeReply(page, { etcdRevision, more }) };
  }

  /** One after the other, late, and not while the process stands still. */
  #inOrder(onMessage: (message: Buffer) => void): (make: () => Buffer) => void {
    const waiting: (() => Buffer)[] = [];
    let isBusy = false;
    const pump = async (): Promise<void> => {
      isBusy = true;
      for (let make = waiting.shift(); make !== undefined; make = waiting.shift()) {
        const lagMs = this.#process.watchLagMs();
        if (lagMs > 0) await this.#process.clock.sleep(lagMs);
        await this.#process.running();
        onMessage(make());
      }
      isBusy = false;
    };
    return (make) => {
      waiting.push(make);
      if (!isBusy) void pump();
    };
  }
}

function no(status: number, text: string): EtcdAttempt {
  return { kind: 'status', status, text };
}
