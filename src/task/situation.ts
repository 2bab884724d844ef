import type { RuntimeContainer } from '../host/container-runtime.ts';
import type { TaskAssignment } from '../model/assignment.ts';
import type { Instant } from '../model/instant.ts';
import type { Reason } from '../model/reason.ts';
import type { EndState, TaskState } from '../model/task-state.ts';
import type { ContainerSpec } from '../model/template.ts';

/** Something that went wrong for now, and when to try again. */
export interface Setback {
  readonly reason: Reason;
  readonly retryAt: Instant;
}

/** How a task ended, as its agent saw it. */
export interface SeenEnd {
  readonly state: EndState;
  readonly reason: Reason;
  readonly exitCode?: number;
}

/** Everything that the next step of a task follows from. */
export interface Situation {
  /** Absent: the manager wants nothing of it left. */
  readonly assignment: TaskAssignment | undefined;
  readonly spec: ContainerSpec | undefined;
  readonly now: Instant;
  /** Whether image, networks and files are there. */
  readonly prepared: boolean;
  /** Secrets that the manager has not sent (again) yet. */
  readonly missingData: readonly string[];
  /** What the engine shows; undefined: it has no such container. */
  readonly container: RuntimeContainer | undefined;
  /** This agent finished making the container: all its networks are on it, its files are there. */
  readonly whole: boolean;
  /** This agent, or one before it, had started the container. */
  readonly started: boolean;
  /**
   * Since when the engine that runs now must have looked after the container's health; undefined:
   * it started the container itself.
   */
  readonly healthSince: Instant | undefined;
  /** Discovery leads nobody to the task any more. */
  readonly released: boolean;
  /** Other nodes may lead callers to it, until then at most; undefined: they do not. */
  readonly departsUntil: Instant | undefined;
  /** Why this agent decided to stop it, before the manager asked. */
  readonly condemned: Reason | undefined;
  /**
   * Why the task, which must not run twice, may not run: the lease of the node is over, so that
   * another may run elsewhere, or nothing would stop it once it is. Undefined: it may run.
   */
  readonly fenced?: 'lease-over' | 'unguarded';
  /** A task that stood in for its slot is told to go, and did not end yet. */
  readonly heldUp: boolean;
  readonly setback: Setback | undefined;
  readonly end: SeenEnd | undefined;
}

/** What to do next; one thing at a time. */
export type TaskAction =
  | { readonly kind: 'wait'; readonly until?: Instant }
  | { readonly kind: 'prepare' }
  | { readonly kind: 'create' }
  | { readonly kind: 'start' }
  | { readonly kind: 'resume-health-check' }
  | { readonly kind: 'release' }
  | { readonly kind: 'stop' }
  | { readonly kind: 'kill'; readonly reason: Reason }
  | { readonly kind: 'condemn'; readonly reason: Reason }
  | { readonly kind: 'end'; readonly end: SeenEnd }
  | { readonly kind: 'clean' };

export interface Decision {
  readonly state: TaskState;
  /** Present whenever the state is not `running`. */
  readonly reason?: Reason;
  readonly action: TaskAction;
}
