import type { Instant } from '../model/instant.ts';
import type { Task, TaskEnd } from '../model/task.ts';
import type { RestartPolicy } from '../model/template.ts';
import { restartDefaults } from '../model/template.ts';

/**
 * Swarm waits 5 s before each restart; where no delay is declared we begin at once and slow down.
 */
const firstBackOffMs = 100;
const longestBackOffMs = 5_000;
/**
 * A restart that comes this long after the one before it starts over: the task ran well in between.
 */
const ranWellMs = 15_000;
/**
 * Instants that are kept where no policy asks for more: enough for the back-off to reach its
 * longest.
 */
const keptForBackOff = 8;
/** Instants that are kept at most, whatever the policy counts. */
const keptAtMost = 1_000;

type Counters = Pick<Task, 'restarts' | 'attempts'>;

export type RestartDecision =
  | {
      readonly kind: 'restart';
      /** No earlier than this; a declared delay or the back-off counts from the end. */
      readonly at: Instant;
      /** For the new task's row. */
      readonly restarts: readonly Instant[];
      readonly attempts?: number;
    }
  /** The policy does not restart after such an end. */
  | { readonly kind: 'done' }
  | { readonly kind: 'exhausted'; readonly attempts: number; readonly windowMs: number };

/**
 * What follows the end of a task that was wanted. Attempts are what the row carries, never counted
 * from history. A task that was lost with its node is replaced whatever the policy says.
 */
export function decideRestart(
  policy: RestartPolicy | undefined,
  ended: {
    readonly task: Counters;
    readonly end: Pick<TaskEnd, 'state' | 'at'>;
    readonly now: Instant;
    /** A job's task that completed is never restarted. */
    readonly isJob: boolean;
  },
): RestartDecision {
  const { task, end, now } = ended;
  if (end.state === 'orphaned') {
    return { kind: 'restart', at: now, ...carried(task) };
  }
  const condition = policy?.condition ?? restartDefaults.condition;
  const onlyFailures = condition === 'on-failure' || ended.isJob;
  if (condition === 'none' || (onlyFailures && end.state === 'complete')) return { kind: 'done' };
  const maxAttempts = policy?.maxAttempts ?? restartDefaults.maxAttempts;
  const windowMs = policy?.windowMs ?? restartDefaults.windowMs;
  const attempts = attemptsSoFar(task, { windowMs, now });
  if (maxAttempts > 0 && attempts >= maxAttempts) return { kind: 'exhausted', attempts, windowMs };
  const at = end.at + (policy?.delayMs ?? backOffMs(task.restarts, end.at));
  return { kind: 'restart', at, ...counted(policy, task, { restarts: [now], attempts: 1 }) };
}

/** What a row carries after further restarts: as much as its policy and the back-off ask for. */
export function counted(
  policy: RestartPolicy | undefined,
  before: Counters,
  further: { readonly restarts: readonly Instant[]; readonly attempts: number },
): Counters {
  const { maxAttempts = restartDefaults.maxAttempts } = policy ?? {};
  const { windowMs = restartDefaults.windowMs } = policy ?? {};
  const kept = Math.min(Math.max(keptForBackOff, windowMs > 0 ? maxAttempts : 0), keptAtMost);
  const restarts = [...before.restarts, ...further.restarts].slice(-kept);
  if (maxAttempts === 0 || windowMs > 0) return { restarts };
  return { restarts, attempts: (before.attempts ?? before.restarts.length) + further.attempts };
}

/** What a replacement that is no restart takes over from the task before it. */
export function carried(task: Counters): Counters {
  const { restarts, attempts } = task;
  return attempts === undefined ? { restarts } : { restarts, attempts };
}

function attemptsSoFar(
  task: Counters,
  within: { readonly windowMs: number; readonly now: Instant },
): number {
  if (within.windowMs === 0) return task.attempts ?? task.restarts.length;
  const from = within.now - within.windowMs;
  return task.restarts.filter((at) => at > from).length;
}

/**
 * The first restart is immediate; each further one that follows closely waits twice as long, up to
 * 5 s.
 */
function backOffMs(restarts: readonly Instant[], endedAt: Instant): number {
  let streak = 0;
  let later = endedAt;
  for (const at of restarts.toReversed()) {
    if (later - at >= ranWellMs) break;
    streak += 1;
    later = at;
  }
  return streak === 0 ? 0 : Math.min(firstBackOffMs * 2 ** (streak - 1), longestBackOffMs);
}
