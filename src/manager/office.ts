import type { Sighting } from '../host/followed-store.ts';
import type { Instant } from '../model/instant.ts';

/** Who serves requests, and agents, at this moment. */
export type Seat<Term> =
  | { readonly kind: 'here'; readonly term: Term }
  | { readonly kind: 'there'; readonly nodeId: string }
  | { readonly kind: 'nobody' };

/** What an office needs of a term: see `Term` of manager.ts. */
export interface HeldTerm {
  resume(): void;
  stop(): Promise<void>;
}

/**
 * Who leads, as one of several managers knows it: itself, for as long as it has a term and may act
 * under it, or another one, by the name that it holds the epoch under.
 */
export class Office<Term extends HeldTerm> {
  readonly #nodeId: string;
  readonly #mayAct: () => boolean;
  readonly #begin: (epoch: number) => Term;
  readonly #listeners = new Set<() => void>();
  #term: { readonly epoch: number; readonly term: Term } | undefined;
  #holder: { readonly epoch: number; readonly nodeId: string } | undefined;
  #ending: Promise<void> = Promise.resolve();

  constructor(options: {
    /** Of this manager. */
    readonly nodeId: string;
    readonly mayAct: () => boolean;
    /** Makes what leads under that epoch. */
    readonly begin: (epoch: number) => Term;
  }) {
    this.#nodeId = options.nodeId;
    this.#mayAct = options.mayAct;
    this.#begin = options.begin;
  }

  get seat(): Seat<Term> {
    if (this.#term !== undefined && this.#mayAct()) return { kind: 'here', term: this.#term.term };
    const holder = this.#holder?.nodeId;
    if (holder === undefined || holder === this.#nodeId) return { kind: 'nobody' };
    return { kind: 'there', nodeId: holder };
  }

  /** The node of the manager that leads; undefined where that is not known. */
  get leaderId(): string | undefined {
    const { seat } = this;
    if (seat.kind === 'here') return this.#nodeId;
    return seat.kind === 'there' ? seat.nodeId : undefined;
  }

  /** Called when somebody else serves, or may. Returns how to stop that. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The epoch is this manager's, and it may act; or it may again. */
  lead(epoch: number): void {
    if (this.#term?.epoch === epoch) this.#term.term.resume();
    else {
      this.#end();
      this.#term = { epoch, term: this.#begin(epoch) };
    }
    this.tell();
  }

  /** The epoch may be another's by now. */
  pause(): void {
    this.tell();
  }

  /** It is. What was observed under it is forgotten. */
  follow(): void {
    this.#end();
    this.tell();
  }

  /** What the store says of who holds the epoch; what is older than what is known says nothing. */
  seen({ epoch, holder }: Sighting): void {
    const nodeId = holder?.split('.')[0];
    if (nodeId === undefined || (this.#holder !== undefined && epoch < this.#holder.epoch)) return;
    if (this.#holder?.epoch === epoch && this.#holder.nodeId === nodeId) return;
    this.#holder = { epoch, nodeId };
    this.tell();
  }

  /** Something changed that those who wait for a leader look at. */
  tell(): void {
    for (const listener of Array.from(this.#listeners)) listener();
  }

  /** Resolves when all terms that ended are over. */
  async stop(): Promise<void> {
    this.#end();
    await this.#ending;
  }

  #end(): void {
    const ended = this.#term?.term;
    this.#term = undefined;
    if (ended === undefined) return;
    this.#ending = Promise.all([this.#ending, ended.stop()]).then(() => undefined);
  }
}

/** Whether the manager that holds the epoch is one whose process is no more: an earlier life. */
export function isVacant({ holder }: Sighting, nodeId: string): boolean {
  return holder === undefined || holder.split('.')[0] === nodeId;
}

/** The name under which a manager holds the epoch: another life of it has another one. */
export function holderName(nodeId: string, ...life: readonly [pid: number, at: Instant]): string {
  return [nodeId, ...life].join('.');
}
