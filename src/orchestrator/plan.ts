import type { Instant } from '../model/instant.ts';
import type { Observed } from '../model/observed.ts';
import type { Reason, ReasonCode } from '../model/reason.ts';
import type { Step } from './step.ts';
import type { Unit } from './unit.ts';

/** Everything that a plan may know besides the view. */
export interface PlanContext {
  readonly now: Instant;
  readonly observed: Observed;
  /** A fresh id for a row. */
  newId(): string;
  /** Since when the scheduler or the allocator refuses the task; undefined: it did not so far. */
  refusedSince(taskId: string): Instant | undefined;
  /** Why it was refused when it was tried last. */
  refusalCode(taskId: string): ReasonCode | undefined;
  /** Steps that still fit into the transaction; a plan that needs more follows itself. */
  readonly stepsLeft: number;
}

/**
 * What has to be changed now, what to look at next in the same transaction, and when to look again.
 */
export interface Plan {
  readonly steps: readonly Step[];
  readonly follow: readonly Unit[];
  readonly wakeAt?: Instant;
}

export const nothingToDo: Plan = { steps: [], follow: [] };

/** Collects a plan. */
export class PlanDraft {
  readonly steps: Step[] = [];
  readonly #follow: Unit[] = [];
  #wakeAt: Instant | undefined;

  push(...steps: readonly Step[]): void {
    this.steps.push(...steps);
  }

  /** Plans the unit too, in the same transaction, once these steps are applied. */
  follow(unit: Unit): void {
    this.#follow.push(unit);
  }

  /** Looks again then, if nothing happens before. */
  wake(at: Instant): void {
    if (this.#wakeAt === undefined || at < this.#wakeAt) this.#wakeAt = at;
  }

  add(plan: Plan): void {
    for (const step of plan.steps) this.steps.push(step);
    for (const unit of plan.follow) this.#follow.push(unit);
    if (plan.wakeAt !== undefined) this.wake(plan.wakeAt);
  }

  finish(): Plan {
    const { steps } = this;
    const follow = this.#follow;
    return this.#wakeAt === undefined ? { steps, follow } : { steps, follow, wakeAt: this.#wakeAt };
  }
}

export function reasonOf(
  code: ReasonCode,
  said: { readonly message: string; readonly since: Instant; readonly hint?: string },
): Reason {
  return { code, ...said };
}
