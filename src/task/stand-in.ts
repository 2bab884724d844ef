import type { TaskAssignment } from '../model/assignment.ts';
import { isFenced } from '../model/fence.ts';
import type { Instant } from '../model/instant.ts';
import type { StandIn } from '../model/stand-in.ts';
import type { ObservedTask } from '../model/task.ts';
import { isEndState } from '../model/task-state.ts';
import type { RestartPolicy } from '../model/template.ts';
import { counted, decideRestart } from '../orchestrator/restart.ts';

export type StandInDecision =
  /** A manager has to decide, or has decided. */
  | { readonly kind: 'leave' }
  | { readonly kind: 'wait'; readonly until: Instant }
  | { readonly kind: 'make'; readonly counters: Pick<StandIn, 'attempts' | 'restarts'> };

/**
 * Whether an agent makes a task in the place of one that ended, as the manager would by the
 * service's restart policy. A fenced service is never started without a manager: nobody here knows
 * whether it runs elsewhere.
 */
export function decideStandIn(of: {
  readonly assignment: TaskAssignment;
  readonly observed: ObservedTask;
  readonly policy: RestartPolicy | undefined;
  /** Restarts since the manager's own task in this place ended. */
  readonly past: Pick<StandIn, 'attempts' | 'restarts'>;
  /** Since when the agent decides by itself; undefined: a manager does. */
  readonly aloneFrom: Instant | undefined;
  readonly now: Instant;
}): StandInDecision {
  const { assignment, observed, policy, past, aloneFrom, now } = of;
  const { state } = observed;
  const isOurs = (assignment.desired === 'running' || isJob(assignment)) && !assignment.ended;
  if (aloneFrom === undefined || !isOurs || !isEndState(state)) return { kind: 'leave' };
  if (isFenced({ spec: { labels: assignment.serviceLabels } })) return { kind: 'leave' };
  const { restarts = [], attempts } = assignment;
  const before = { restarts, ...(attempts !== undefined && { attempts }) };
  const decision = decideRestart(policy, {
    task: counted(policy, before, past),
    end: { state, at: observed.since },
    now,
    isJob: isJob(assignment),
  });
  if (decision.kind !== 'restart') return { kind: 'leave' };
  const dueAt = Math.max(decision.at, aloneFrom);
  if (now < dueAt) return { kind: 'wait', until: dueAt };
  return {
    kind: 'make',
    counters: {
      attempts: past.attempts + 1,
      restarts: [...past.restarts, now].slice(-decision.restarts.length),
    },
  };
}

/**
 * When an agent starts by itself what it has prepared; undefined: a manager has to say so.
 * `hasEnded`: of a task of the same node.
 */
export function startsAloneAt(
  assignment: TaskAssignment,
  of: { readonly aloneFrom: Instant | undefined; hasEnded(taskId: string): boolean },
): Instant | undefined {
  const { desired, alone, ended, serviceLabels } = assignment;
  if (desired !== 'ready' || alone === undefined || ended) return undefined;
  if (of.aloneFrom === undefined || isFenced({ spec: { labels: serviceLabels } })) return undefined;
  if (!alone.after.every((taskId) => of.hasEnded(taskId))) return undefined;
  return Math.max(alone.notBefore, of.aloneFrom);
}

function isJob({ desired }: TaskAssignment): boolean {
  return desired === 'complete';
}
