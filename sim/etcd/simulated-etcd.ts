import type { Clock } from '../../src/host/clock.ts';
import type { Prng } from '../../src/lib/prng.ts';
import type { Instant } from '../../src/model/instant.ts';
import type { EtcdTransaction } from '../../src/os/etcd-messages.ts';
import type { Ways } from '../fabric.ts';
import { notAnyMore } from '../life.ts';
import { type KeyCommit, type KeyReply, KeySpace } from './key-space.ts';

const tickMs = 100;
const electionMs = { least: 500, spread: 500 };
/** Who has heard nothing of a leader for this long says that there is none. */
const contactMs = 1_000;
const heedlessMs = 400;
export const usualDiskMs = 3;

/** What a planted bug changes. */
export interface EtcdSeams {
  /** A commit needs no majority: the leader's disk decides, and others have it a while later. */
  readonly commitsAlone?: boolean;
  readonly transaction?: (transaction: EtcdTransaction) => EtcdTransaction;
}

interface Entry {
  /** What it does once it is committed. */
  readonly run: () => KeyReply | undefined;
  reply: KeyReply | undefined;
  commit: KeyCommit | undefined;
  /** When it is on each member's disk, and when the leader knows; for ever: not on its way. */
  readonly receivedAt: number[];
  readonly knownAt: number[];
}

/** Told of what is committed, in order, as one member learns of it. */
export interface EtcdWatcher {
  readonly onCommit: (commit: KeyCommit) => void;
  readonly onEnd: (why: string) => void;
}

/** One member: its disk outlives its process. */
export class EtcdMember {
  readonly index: number;
  isUp = true;
  frozenUntil: Instant = 0;
  /** A write to its disk takes from 0 to this long. */
  maxDiskMs = usualDiskMs;
  /** How many entries of the log it has applied, and what they came to. */
  applied = 0;
  etcdRevision = 1;
  leader: number | undefined;
  contactAt: Instant;
  readonly watchers = new Set<EtcdWatcher>();
  /** Of whoever waits for an answer of it. */
  readonly callers = new Set<() => void>();
  waiters: { readonly applied: number; readonly tell: () => void }[] = [];

  constructor(index: number, now: Instant) {
    this.index = index;
    this.contactAt = now;
  }

  runsAt(now: Instant): boolean {
    return this.isUp && now >= this.frozenUntil;
  }
}

/**
 * A cluster of etcd: a log that a leader extends, committed once it is on the disks of a majority,
 * applied by each member when it hears of that. Who has no way to a majority answers nothing.
 * Elections are idealised: one at a time, of a member whose log a majority may vote for.
 */
export class SimulatedEtcd {
  readonly members: readonly EtcdMember[];
  /** Elections that somebody won. */
  terms = 0;
  readonly #clock: Clock;
  readonly #dice: Prng;
  readonly #ways: Ways;
  readonly #seams: EtcdSeams;
  readonly #onCommit: (commit: KeyCommit) => void;
  #keys = new KeySpace();
  #log: Entry[] = [];
  #committed = 0;
  #leader: EtcdMember;
  #leaderlessAt: Instant | undefined;
  #patienceMs = 0;
  #isOver = false;

  constructor(options: {
    readonly clock: Clock;
    readonly dice: Prng;
    /** Members are on the first machines. */
    readonly ways: Ways;
    readonly size: number;
    readonly seams?: EtcdSeams;
    /** Told of each change of keys when it is committed. */
    readonly onCommit: (commit: KeyCommit) => void;
  }) {
    const { clock, dice, ways, size } = options;
    this.#onCommit = options.onCommit;
    this.#clock = clock;
    this.#dice = dice;
    this.#ways = ways;
    this.#seams = options.seams ?? {};
    this.members = Array.from({ length: size }, (_, index) => new EtcdMember(index, clock.now()));
    this.#leader = this.#member(dice.below(size));
    for (const member of this.members) member.leader = this.#leader.index;
    void this.#run();
  }

  get keys(): KeySpace {
    return this.#keys;
  }

  get leader(): number {
    return this.#leader.index;
  }

  end(): void {
    this.#isOver = true;
  }

  /** SIGKILL: what was on its way to its disk is not there. */
  kill(index: number): void {
    const member = this.#member(index);
    member.isUp = false;
    this.#forgetOnWay(member);
    member.waiters = [];
    for (const tell of Array.from(member.callers)) tell();
    for (const watcher of Array.from(member.watchers)) watcher.onEnd('the member died');
    member.watchers.clear();
  }

  start(index: number): void {
    const member = this.#member(index);
    if (member.isUp) return;
    member.isUp = true;
    member.contactAt = this.#clock.now();
    member.leader = undefined;
  }

  freeze(index: number, forMs: number): void {
    const member = this.#member(index);
    member.frozenUntil = Math.max(member.frozenUntil, this.#clock.now() + forMs);
    this.#forgetOnWay(member);
  }

  /**
   * How long the member stands still yet; not as its machine's clock has it, which may be wrong.
   */
  frozenForMs(member: EtcdMember): number {
    return Math.max(member.frozenUntil - this.#clock.now(), 0);
  }

  /** As an operator, or etcd itself on a busy machine: another one leads now. */
  moveLeader(): void {
    this.#elect({ without: this.#leader });
  }

  /** Resolves when the member has applied it; never, where it gets lost. */
  async transact(at: EtcdMember, given: EtcdTransaction): Promise<KeyReply> {
    const transaction = this.#seams.transaction?.(given) ?? given;
    const writes = [...transaction.success, ...(transaction.failure ?? [])].some(
      ({ kind }) => kind !== 'get',
    );
    if (!writes) {
      await this.readIndex(at);
      return this.#keys.transact(transaction);
    }
    const reply = await this.#propose(at, () => this.#keys.transact(transaction));
    return reply ?? (await notAnyMore());
  }

  /** Whether that was not forgotten before. */
  async compact(at: EtcdMember, etcdRevision: number): Promise<boolean> {
    const done = { well: false };
    await this.#propose(at, () => {
      done.well = this.#keys.compact(etcdRevision);
      return undefined;
    });
    return done.well;
  }

  /** Resolves when the member has applied all that was committed when it asked. */
  async readIndex(at: EtcdMember): Promise<void> {
    const leader = this.#leader;
    if (!this.#meets(at, leader)) await notAnyMore();
    await this.#clock.sleep(2 * this.#ways.delayMs(at.index, leader.index));
    if (this.#leader !== leader || !this.#serves(leader)) await notAnyMore();
    await this.#appliedAt(at, this.#committed);
  }

  async #propose(at: EtcdMember, run: () => KeyReply | undefined): Promise<KeyReply | undefined> {
    const leader = this.#leader;
    if (at !== leader) {
      if (!this.#ways.isOpen(at.index, leader.index)) await notAnyMore();
      await this.#clock.sleep(this.#ways.delayMs(at.index, leader.index));
    }
    const frozenMs = leader.frozenUntil - this.#clock.now();
    if (frozenMs > 0) await this.#clock.sleep(frozenMs);
    if (!leader.isUp || this.#leader !== leader) await notAnyMore();
    const never = (): number[] => this.members.map(() => Number.POSITIVE_INFINITY);
    const entry: Entry = {
      run,
      reply: undefined,
      commit: undefined,
      receivedAt: never(),
      knownAt: never(),
    };
    this.#log.push(entry);
    const place = this.#log.length;
    for (const member of this.members) this.#send(member);
    const majorityAt = entry.knownAt.toSorted((one, other) => one - other)[this.#disks - 1];
    const waitMs = (majorityAt ?? Number.POSITIVE_INFINITY) - this.#clock.now();
    if (waitMs < Number.POSITIVE_INFINITY) {
      void this.#clock.sleep(waitMs).then(() => this.#advance());
    }
    await this.#appliedAt(at, place);
    // Another leader may have cut it off, and put another one in its place.
    return this.#log[place - 1] === entry ? entry.reply : await notAnyMore();
  }

  get #majority(): number {
    return Math.floor(this.members.length / 2) + 1;
  }

  /** How many disks a commit waits for. */
  get #disks(): number {
    return this.#seams.commitsAlone === true ? 1 : this.#majority;
  }

  async #appliedAt(member: EtcdMember, count: number): Promise<void> {
    if (member.applied >= count) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    member.waiters.push({ applied: count, tell: resolve });
    await promise;
  }

  /** What a member lacks is on its way, where there is one. */
  #send(to: EtcdMember): void {
    const now = this.#clock.now();
    const isSelf = to === this.#leader;
    if (!to.runsAt(now) || !this.#meets(to, this.#leader)) return;
    const delayMs = isSelf ? 0 : this.#ways.delayMs(this.#leader.index, to.index);
    const heedMs = this.#seams.commitsAlone === true && !isSelf ? heedlessMs : 0;
    const at = now + delayMs + heedMs + this.#dice.fraction() * to.maxDiskMs;
    let last = 0;
    const from = Math.min(this.#length(to), this.#committed);
    for (let place = from; place < this.#log.length; place += 1) {
      const entry = this.#log[place];
      if (entry === undefined) break;
      const { receivedAt, knownAt } = entry;
      if (receivedAt[to.index] === Number.POSITIVE_INFINITY) receivedAt[to.index] = at;
      last = Math.max(last, receivedAt[to.index] ?? at);
      receivedAt[to.index] = last;
      if (knownAt[to.index] === Number.POSITIVE_INFINITY) {
        knownAt[to.index] = Math.max(last, now) + delayMs;
      }
    }
  }

  /** What it had not on its disk yet is lost on its way there. */
  #forgetOnWay(member: EtcdMember): void {
    const now = this.#clock.now();
    for (const { receivedAt, knownAt } of this.#log.slice(member.applied)) {
      if ((receivedAt[member.index] ?? 0) > now) {
        receivedAt[member.index] = Number.POSITIVE_INFINITY;
        knownAt[member.index] = Number.POSITIVE_INFINITY;
      }
    }
  }

  /** Commits what a majority has. */
  #advance(): void {
    const now = this.#clock.now();
    const leader = this.#leader;
    if (this.#isOver || !leader.runsAt(now)) return;
    const before = this.#committed;
    for (;;) {
      const entry = this.#log[this.#committed];
      if (entry === undefined) break;
      if (entry.knownAt.filter((at) => at <= now).length < this.#disks) break;
      const last = this.#keys.etcdRevision;
      entry.reply = entry.run();
      entry.commit = this.#keys.etcdRevision > last ? this.#keys.last() : undefined;
      this.#committed += 1;
      if (entry.commit !== undefined) this.#onCommit(entry.commit);
    }
    if (this.#committed === before) return;
    this.#apply(leader, this.#committed);
    for (const member of this.members) if (member !== leader) this.#spread(member);
  }

  /** Tells a follower what is committed. */
  #spread(to: EtcdMember): void {
    const now = this.#clock.now();
    if (!to.runsAt(now) || !this.#ways.isOpen(this.#leader.index, to.index)) return;
    const committed = this.#committed;
    void this.#clock.sleep(this.#ways.delayMs(this.#leader.index, to.index)).then(() => {
      if (!to.runsAt(this.#clock.now())) return;
      this.#apply(to, Math.min(committed, this.#length(to)));
    });
  }

  #apply(member: EtcdMember, count: number): void {
    while (member.applied < count) {
      const entry = this.#log[member.applied];
      member.applied += 1;
      if (entry?.commit === undefined) continue;
      member.etcdRevision = entry.commit.etcdRevision;
      for (const watcher of Array.from(member.watchers)) watcher.onCommit(entry.commit);
    }
    const due = member.waiters.filter((waiter) => waiter.applied <= member.applied);
    if (due.length === 0) return;
    member.waiters = member.waiters.filter((waiter) => waiter.applied > member.applied);
    for (const { tell } of due) tell();
  }

  /** How many entries of the log are on the member's disk. */
  #length({ index, applied }: EtcdMember): number {
    const now = this.#clock.now();
    let length = applied;
    while ((this.#log[length]?.receivedAt[index] ?? Number.POSITIVE_INFINITY) <= now) length += 1;
    return length;
  }

  async #run(): Promise<void> {
    while (!this.#isOver) {
      await this.#clock.sleep(tickMs);
      this.#tick();
    }
  }

  #tick(): void {
    const now = this.#clock.now();
    const serves = this.#serves(this.#leader);
    for (const member of this.members) this.#look(member, { now, serves });
    if (serves) {
      this.#leaderlessAt = undefined;
      for (const member of this.members) {
        if (this.#length(member) < this.#log.length || this.#committed < this.#log.length) {
          this.#send(member);
        }
        if (member.applied < this.#committed) this.#spread(member);
      }
      this.#advance();
      return;
    }
    if (this.#leaderlessAt === undefined) {
      this.#leaderlessAt = now;
      this.#patienceMs = electionMs.least + this.#dice.fraction() * electionMs.spread;
    }
    if (now >= this.#leaderlessAt + this.#patienceMs) this.#elect({});
  }

  /** Whether a member knows of a leader. */
  #look(
    member: EtcdMember,
    { now, serves }: { readonly now: Instant; readonly serves: boolean },
  ): void {
    if (!member.runsAt(now)) return;
    const meets = this.#meets(member, this.#leader) && this.#leader.runsAt(now);
    if (meets && (serves || member !== this.#leader)) {
      member.contactAt = now;
      member.leader = this.#leader.index;
    } else if (now > member.contactAt + contactMs && member.leader !== undefined) {
      member.leader = undefined;
      for (const watcher of Array.from(member.watchers)) watcher.onEnd('no leader');
      member.watchers.clear();
    }
  }

  #elect({ without }: { readonly without?: EtcdMember }): void {
    const now = this.#clock.now();
    const candidates = this.members.filter((member) => {
      if (member === without || !member.runsAt(now)) return false;
      const length = this.#length(member);
      const voters = this.members.filter(
        (other) => other.runsAt(now) && this.#meets(member, other) && this.#length(other) <= length,
      );
      return voters.length >= this.#majority;
    });
    if (candidates.length === 0) return;
    this.#leader = this.#dice.pick(candidates);
    this.terms += 1;
    this.#leaderlessAt = undefined;
    this.#log = this.#log.slice(0, this.#length(this.#leader));
    if (this.#log.length < this.#committed) this.#loseCommitted();
    for (const { receivedAt, knownAt } of this.#log.slice(this.#committed)) {
      knownAt.fill(Number.POSITIVE_INFINITY);
      for (const { index } of this.members) {
        if ((receivedAt[index] ?? 0) > now) receivedAt[index] = Number.POSITIVE_INFINITY;
      }
    }
    for (const member of this.members) this.#send(member);
  }

  /** Which a majority on disk makes impossible. */
  #loseCommitted(): void {
    if (this.#seams.commitsAlone !== true) throw new Error('etcd lost what was committed');
    this.#keys = new KeySpace();
    for (const entry of this.#log) entry.run();
    this.#committed = this.#log.length;
    for (const member of this.members) {
      member.applied = Math.min(member.applied, this.#committed);
      member.etcdRevision = Math.min(member.etcdRevision, this.#keys.etcdRevision);
    }
  }

  /** Whether it reaches a majority, and is reached by it. */
  #serves(leader: EtcdMember): boolean {
    const now = this.#clock.now();
    if (!leader.runsAt(now)) return false;
    const met = this.members.filter((one) => one.runsAt(now) && this.#meets(leader, one));
    return met.length >= this.#majority;
  }

  #meets(one: EtcdMember, other: EtcdMember): boolean {
    if (one === other) return true;
    return this.#ways.isOpen(one.index, other.index) && this.#ways.isOpen(other.index, one.index);
  }

  #member(index: number): EtcdMember {
    const member = this.members[index];
    if (member === undefined) throw new Error(`etcd has no member ${index}`);
    return member;
  }
}
