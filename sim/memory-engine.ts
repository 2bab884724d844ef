import type { Clock } from '../src/host/clock.ts';
import type {
  CommitGuard,
  CommitOutcome,
  StoredChange,
  StoreEngine,
  StoreSnapshot,
} from '../src/host/store-engine.ts';
import { TuttiError } from '../src/lib/error.ts';
import { Prng } from '../src/lib/prng.ts';
import { notAnyMore } from './life.ts';
import type { SimulatedDisk } from './disk.ts';

/** How a simulated engine misbehaves. All chances are for each commit. */
export interface EngineFaults {
  /** Nothing is written, and the engine says so. */
  readonly failChance?: number;
  /** The engine cannot say whether it was written; the dice decide whether it was. */
  readonly unknownChance?: number;
  /** A commit takes from 0 to this long; 0 or absent: no time at all. */
  readonly maxLatencyMs?: number;
}

export interface MemoryEngineOptions {
  /** Needed for latency. */
  readonly clock?: Clock;
  readonly dice?: Prng;
  readonly faults?: EngineFaults;
}

/** A store engine on a simulated disk. Several on one disk are several managers. */
export class MemoryEngine implements StoreEngine {
  readonly #disk: SimulatedDisk;
  readonly #clock: Clock | undefined;
  readonly #dice: Prng;
  readonly #faults: EngineFaults;
  #state: 'open' | 'closed' | 'crashed' = 'open';
  #committing = false;

  constructor(disk: SimulatedDisk, options: MemoryEngineOptions = {}) {
    this.#disk = disk;
    this.#clock = options.clock;
    this.#dice = options.dice ?? new Prng(1);
    this.#faults = options.faults ?? {};
  }

  /** The process is killed: whatever it waits for never comes. The disk lives on. */
  crash(): void {
    this.#state = 'crashed';
  }

  async load(): Promise<StoreSnapshot> {
    await this.#mustBeOpen();
    this.#disk.sync();
    return { ...this.#disk.state, rows: this.#disk.rows() };
  }

  async takeEpoch(): Promise<number> {
    await this.#mustBeOpen();
    const { epoch, revision } = this.#disk.state;
    if (this.#disk.full) throw new TuttiError('resource-exhausted', 'the simulated disk is full');
    this.#disk.append({ epoch: epoch + 1, revision, changes: [] });
    await this.#reachDisk();
    this.#disk.sync();
    return epoch + 1;
  }

  async commit(changes: readonly StoredChange[], guard: CommitGuard): Promise<CommitOutcome> {
    await this.#mustBeOpen();
    if (this.#committing) throw new Error('invariant broken: two commits in flight');
    this.#committing = true;
    try {
      return await this.#commitOne(changes, guard);
    } finally {
      this.#committing = false;
    }
  }

  async close(): Promise<void> {
    if (this.#state === 'open') this.#state = 'closed';
  }

  async #commitOne(changes: readonly StoredChange[], guard: CommitGuard): Promise<CommitOutcome> {
    const { epoch, revision } = this.#disk.state;
    if (guard.epoch !== epoch || guard.revision !== revision) {
      return { kind: 'refused', epoch, revision };
    }
    if (this.#disk.full) return { kind: 'failed', code: 'disk-full', message: 'no space left' };
    if (this.#dice.chance(this.#faults.failChance ?? 0)) {
      return { kind: 'failed', code: 'io', message: 'simulated input/output error' };
    }
    const unknown = this.#dice.chance(this.#faults.unknownChance ?? 0);
    this.#disk.append({ epoch, revision: revision + 1, changes });
    await this.#reachDisk();
    if (unknown && this.#dice.chance(0.5)) this.#disk.forgetTail();
    this.#disk.sync();
    return unknown ? { kind: 'unknown', message: 'simulated' } : { kind: 'committed' };
  }

  async #reachDisk(): Promise<void> {
    const { crashes } = this.#disk;
    const maxLatencyMs = this.#faults.maxLatencyMs ?? 0;
    if (maxLatencyMs > 0) await this.#clock?.sleep(this.#dice.fraction() * maxLatencyMs);
    if (this.#state === 'crashed' || crashes !== this.#disk.crashes) await notAnyMore();
  }

  async #mustBeOpen(): Promise<void> {
    if (this.#state === 'crashed') await notAnyMore();
    if (this.#state === 'closed') throw new TuttiError('unavailable', 'the store engine is closed');
  }
}
