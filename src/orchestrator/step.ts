import { unreachable } from '../lib/assert.ts';
import type { Instant } from '../model/instant.ts';
import type { Reason } from '../model/reason.ts';
import type { Service, UpdateStatus } from '../model/service.ts';
import type { Task, TaskEnd } from '../model/task.ts';
import { compareDesiredStates } from '../model/task-state.ts';
import type { Transaction } from '../store/view.ts';
import { afterFailure } from './update-failure.ts';

/** One change to one task row. */
export type TaskStep =
  | { readonly kind: 'create-task'; readonly task: Task }
  /** The agent may start what it prepared. */
  | {
      readonly kind: 'promote-task';
      readonly taskId: string;
      readonly desired: 'running' | 'complete';
    }
  | {
      readonly kind: 'retire-task';
      readonly taskId: string;
      readonly desired: 'shutdown' | 'removed';
      readonly reason: Reason;
    }
  | { readonly kind: 'end-task'; readonly taskId: string; readonly end: TaskEnd }
  /** Its slot gets no replacement; `reason` replaces that of its end where given. */
  | { readonly kind: 'spend-task'; readonly taskId: string; readonly reason?: Reason }
  | { readonly kind: 'mark-outgoing'; readonly taskId: string; readonly outgoing: boolean }
  | { readonly kind: 'mark-misplaced'; readonly taskId: string; readonly misplaced: boolean }
  | { readonly kind: 'mark-evicted'; readonly taskId: string; readonly evicted: boolean }
  /** The service may move its next task. */
  | { readonly kind: 'end-turn'; readonly taskId: string }
  | {
      readonly kind: 'settle-rollout';
      readonly taskId: string;
      readonly rollout: 'started' | 'failed';
    }
  | { readonly kind: 'delete-task'; readonly taskId: string };

export type ServiceStep =
  | { readonly kind: 'set-update'; readonly serviceId: string; readonly update: UpdateStatus }
  /** The update watches what it started for failures at least until then. */
  | { readonly kind: 'watch-update'; readonly serviceId: string; readonly until: Instant }
  /** Counts the task against the running update, which may pause it or roll it back. */
  | {
      readonly kind: 'fail-update';
      readonly serviceId: string;
      readonly taskId: string;
      readonly at: Instant;
    }
  /** One more task of the service was moved by its rebalance. */
  | { readonly kind: 'count-move'; readonly serviceId: string }
  /** The rebalance is over; with `message` it was stopped for that reason. */
  | {
      readonly kind: 'end-rebalance';
      readonly serviceId: string;
      readonly at: Instant;
      readonly message?: string;
    }
  | { readonly kind: 'count-completion'; readonly serviceId: string; readonly iteration: number }
  | {
      readonly kind: 'meet-dependencies';
      readonly serviceId: string;
      readonly names: readonly string[];
    }
  | { readonly kind: 'delete-service'; readonly serviceId: string }
  | { readonly kind: 'delete-template'; readonly templateId: string }
  | { readonly kind: 'delete-network'; readonly networkId: string };

/** What a plan wants to be changed. Plans only say it; `applySteps` does it. */
export type Step = TaskStep | ServiceStep;

/** The task as the step leaves it; `undefined` when it deletes the row. */
export function taskAfter(task: Task, step: TaskStep): Task | undefined {
  switch (step.kind) {
    case 'create-task':
      return step.task;
    case 'promote-task':
      return compareDesiredStates(task.desired, step.desired) < 0
        ? { ...task, desired: step.desired }
        : task;
    case 'retire-task':
      return retired(task, step);
    case 'end-task':
      return task.end === undefined ? ended(task, step.end) : task;
    case 'spend-task':
      return spent(task, step.reason);
    case 'mark-outgoing':
      return { ...task, outgoing: step.outgoing };
    case 'mark-misplaced':
      return { ...task, misplaced: step.misplaced };
    case 'mark-evicted':
      return { ...task, evicted: step.evicted };
    case 'end-turn':
      return task.move === undefined ? task : { ...task, move: { ...task.move, turn: 'over' } };
    case 'settle-rollout':
      return { ...task, rollout: step.rollout };
    case 'delete-task':
      return undefined;
    default:
      return unreachable(step);
  }
}

function retired(task: Task, step: Extract<TaskStep, { kind: 'retire-task' }>): Task {
  const { spent: _, ...rest } = task;
  if (compareDesiredStates(task.desired, step.desired) > 0) return rest;
  return { ...rest, desired: step.desired, retirement: step.reason };
}

/**
 * A node that left the cluster holds no addresses any more. A prepared task of a job that came to
 * its end was started by a node which had no manager: it was wanted until then.
 */
function ended(task: Task, end: TaskEnd): Task {
  const addresses = end.reason.code === 'node-removed' ? [] : task.addresses;
  const isDone = task.iteration !== undefined && end.state === 'complete';
  const desired = isDone && task.desired === 'ready' ? 'complete' : task.desired;
  return { ...task, desired, end, addresses };
}

function spent(task: Task, reason: Reason | undefined): Task {
  if (task.end === undefined || reason === undefined) {
    return { ...task, desired: 'shutdown', spent: true };
  }
  return { ...task, desired: 'shutdown', spent: true, end: { ...task.end, reason } };
}

/** Carries the steps out, in order. A step whose row is gone changes nothing. */
export function applySteps(tx: Transaction, steps: readonly Step[]): void {
  for (const step of steps) applyStep(tx, step);
}

function applyStep(tx: Transaction, step: Step): void {
  if (step.kind === 'create-task') tx.tasks.put(step.task);
  else if (step.kind === 'delete-service') tx.services.delete(step.serviceId);
  else if (step.kind === 'delete-template') tx.templates.delete(step.templateId);
  else if (step.kind === 'delete-network') tx.networks.delete(step.networkId);
  else if ('serviceId' in step) changeService(tx, step);
  else changeTask(tx, step);
}

function changeTask(tx: Transaction, step: Exclude<TaskStep, { kind: 'create-task' }>): void {
  const before = tx.tasks.get(step.taskId);
  if (before === undefined) return;
  const after = taskAfter(before, step);
  if (after === undefined) tx.tasks.delete(step.taskId);
  else if (after !== before) tx.tasks.put(after);
}

type ServiceChange = Exclude<
  ServiceStep,
  { kind: 'delete-service' | 'delete-template' | 'delete-network' }
>;

function changeService(tx: Transaction, step: ServiceChange): void {
  const before = tx.services.get(step.serviceId);
  if (before === undefined) return;
  const after = serviceAfter(before, step, tx.revision);
  if (after !== before) tx.services.put(after);
}

/** The service as the step leaves it. Counts are relative, so that steps of one plan add up. */
function serviceAfter(service: Service, step: ServiceChange, revision: number): Service {
  switch (step.kind) {
    case 'set-update':
      return { ...service, update: step.update };
    case 'watch-update':
      return watched(service, step.until);
    case 'fail-update':
      return afterFailure(service, { taskId: step.taskId, at: step.at, revision });
    case 'count-move':
      return movedOne(service);
    case 'end-rebalance':
      return rebalanced(service, step);
    case 'count-completion':
      return completed(service, step.iteration);
    case 'meet-dependencies':
      return { ...service, dependenciesMet: [...service.dependenciesMet, ...step.names] };
    default:
      return unreachable(step);
  }
}

function watched(service: Service, until: Instant): Service {
  const { update } = service;
  if (update === undefined) return service;
  return { ...service, update: { ...update, watchUntil: Math.max(update.watchUntil ?? 0, until) } };
}

function movedOne(service: Service): Service {
  const { rebalance } = service;
  if (rebalance === undefined) return service;
  return { ...service, rebalance: { ...rebalance, moved: rebalance.moved + 1 } };
}

function rebalanced(
  service: Service,
  { at, message }: Extract<ServiceStep, { kind: 'end-rebalance' }>,
): Service {
  const { rebalance } = service;
  if (rebalance?.state !== 'running') return service;
  const over = { ...rebalance, endedAt: at };
  return message === undefined
    ? { ...service, rebalance: { ...over, state: 'completed' } }
    : { ...service, rebalance: { ...over, state: 'stopped', message } };
}

function completed(service: Service, iteration: number): Service {
  const { job } = service;
  if (job === undefined || job.iteration !== iteration) return service;
  return { ...service, job: { ...job, completions: job.completions + 1 } };
}
