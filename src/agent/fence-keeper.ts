import type { Clock } from '../host/clock.ts';
import type { FenceGuard } from '../host/fence-guard.ts';
import { hasFence } from '../model/fence.ts';
import type { Instant } from '../model/instant.ts';
import type { Labels } from '../model/labels.ts';

/** The agent itself stops the tasks when the lease ends; its guard comes after it. */
const afterAgentMs = 500;
/** What is renewed by less is not told. */
const leastRenewalMs = 100;

/** What the keeper asks of the agent. */
export interface FenceKeeperHost {
  readonly guard: FenceGuard | undefined;
  /** That of the lease. */
  readonly clock: Clock;
  /** When the lease ends, by that clock; undefined: what is assigned here is in doubt. */
  readonly leaseUntil: () => Instant | undefined;
  /** Tasks that are assigned and have not ended. */
  readonly tasks: () => Iterable<{ readonly taskId: string; readonly serviceLabels: Labels }>;
  /** Whether there is any other node to which tasks could be given. */
  readonly hasOthers: () => boolean;
  /** More tasks are held than before. */
  readonly onHeld: () => void;
}

/**
 * Tells the guard which fenced tasks this node has, and until when they are its own. While that is
 * in doubt it says nothing: the guard goes by what it was told before.
 */
export class FenceKeeper {
  readonly #host: FenceKeeperHost;
  #held: ReadonlySet<string> = new Set();
  #until: Instant = Number.NEGATIVE_INFINITY;
  /** Whether this agent has told anything: one before it may have. */
  #hasTold = false;
  #isTelling = false;

  constructor(host: FenceKeeperHost) {
    this.#host = host;
  }

  /** Whether a fenced task may be started: somebody will stop it, or it has nobody to meet. */
  isHeld(taskId: string): boolean {
    const { guard, hasOthers } = this.#host;
    return guard === undefined || !hasOthers() || this.#held.has(taskId);
  }

  /** The lease was renewed, or the tasks are others. */
  look(): void {
    const { guard, clock, leaseUntil } = this.#host;
    const leaseEnd = leaseUntil();
    if (guard === undefined || leaseEnd === undefined || this.#isTelling) return;
    const taskIds = this.#wanted();
    // In this order: who stands still in between says too early a time, not too late.
    const from = guard.now();
    const until = from + (leaseEnd - clock.now()) + afterAgentMs;
    const isSame =
      taskIds.length === this.#held.size && taskIds.every((taskId) => this.#held.has(taskId));
    const isDue = taskIds.length > 0 && until >= this.#until + leastRenewalMs;
    if (this.#hasTold && isSame && !isDue) return;
    this.#tell(guard, { taskIds, until });
  }

  /** Nothing of the cluster is left here. */
  release(): void {
    const { guard } = this.#host;
    if (guard !== undefined) this.#tell(guard, { taskIds: [], until: guard.now() });
  }

  #wanted(): readonly string[] {
    const { tasks, hasOthers } = this.#host;
    if (!hasOthers()) return [];
    return [...tasks()]
      .filter(({ serviceLabels }) => hasFence(serviceLabels))
      .map(({ taskId }) => taskId);
  }

  #tell(
    guard: FenceGuard,
    hold: { readonly taskIds: readonly string[]; readonly until: Instant },
  ): void {
    this.#isTelling = true;
    void guard.hold(hold).then((isHeld) => {
      this.#isTelling = false;
      const before = this.#held;
      // Without a guard it is told again with the next answer.
      this.#hasTold = isHeld;
      this.#held = new Set(isHeld ? hold.taskIds : []);
      this.#until = isHeld ? hold.until : Number.NEGATIVE_INFINITY;
      if (hold.taskIds.some((taskId) => this.#held.has(taskId) && !before.has(taskId))) {
        this.#host.onHeld();
      }
      // What changed meanwhile.
      if (isHeld) this.look();
    });
  }
}
