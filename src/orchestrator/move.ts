import { isFenced } from '../model/fence.ts';
import type { Service, UpdateOrder } from '../model/service.ts';
import type { Task } from '../model/task.ts';
import type { TaskTemplateSpec } from '../model/template.ts';
import { hasStaticAddress, isLive } from '../store/schema.ts';
import type { View } from '../store/view.ts';
import type { PlanContext } from './plan.ts';
import { planPatience } from './rebalance-progress.ts';
import type { Slot } from './slot.ts';
import { isInProgress, isRollback, updateSettings } from './update-settings.ts';

/**
 * How long a task that has to leave waits for nodes that are silent before it goes without a
 * successor: they may be on their way back, or this manager may just have started.
 */
const silencePatienceMs = 30_000;

/**
 * In which order a move replaces a task: as declared; where nothing is declared the successor runs
 * first, because it is on another node, where neither ports nor limits of the first are in its way.
 * What writes to volumes or directories may be the only writer, and stops first.
 */
function moveOrder(service: Service, template: TaskTemplateSpec | undefined): UpdateOrder {
  const declared = isRollback(service) ? service.spec.rollback : service.spec.update;
  if (declared?.order !== undefined) return declared.order;
  return template === undefined || writesToMounts(template) ? 'stop-first' : 'start-first';
}

function writesToMounts(template: TaskTemplateSpec): boolean {
  return template.containers.some(({ mounts }) =>
    mounts.some(
      (mount) =>
        mount.type !== 'tmpfs' &&
        !mount.readOnly &&
        // An anonymous volume is every task's own.
        (mount.type === 'bind' || mount.source !== undefined),
    ),
  );
}

/** The order in which the slot's head takes the place of its elder. */
export function handoverOrder(view: View, slot: Slot): UpdateOrder {
  const { head, service } = slot;
  const template = head && view.templates.get(head.templateId);
  if (isFenced(service) || hasStaticAddress(template?.spec)) return 'stop-first';
  if (head?.move === undefined || head.rollout === 'starting' || isJob(service)) {
    return updateSettings(service).order;
  }
  return moveOrder(service, template?.spec);
}

function isJob({ spec: { mode } }: Service): boolean {
  return mode.kind === 'replicated-job' || mode.kind === 'global-job';
}

/**
 * Whether the slot serves, so that moving its task takes one of the service's turns. A slot that is
 * down, or in the middle of an update or a move, costs nothing more.
 */
export function needsTurn({ service, head }: Slot, context: PlanContext): boolean {
  if (head === undefined || service.spec.mode.kind !== 'replicated') return false;
  if (head.rollout === 'starting' || head.move?.turn === 'held') return false;
  return serves(head, context);
}

/** Whether a task runs, as far as is known: what its node did not say yet may well be. */
function serves(task: Task, context: PlanContext): boolean {
  if (task.nodeId === undefined || task.end !== undefined) return false;
  const node = context.observed.node(task.nodeId)?.state;
  if (node === 'down') return false;
  const state = context.observed.task(task.id)?.state;
  return state === undefined ? node !== 'ready' : state === 'running';
}

/** Slots of the service that may be disturbed now besides those that are: 0 or less is none. */
export function freeTurns(view: View, service: Service): number {
  const { parallelism } = updateSettings(service);
  if (parallelism === 0) return Number.POSITIVE_INFINITY;
  const updating = isInProgress(service) ? view.tasks.count('rollout', service.templateId) : 0;
  return parallelism - updating - view.tasks.count('moving', service.id);
}

/** Whether the elder that serves stays while the head that was to replace it is tried again. */
export function keepsElder(slot: Slot, context: PlanContext): boolean {
  const { head } = slot;
  if (head?.move === undefined || head.end?.state === 'complete') return false;
  return slot.elders.some((elder) => isLive(elder) && serves(elder, context));
}

/**
 * Whether no node takes the head, now that all that may come back were waited for. A task that has
 * to leave then leaves without a successor: a node is drained to be switched off.
 */
export function isHomeless(view: View, slot: Slot, context: PlanContext): boolean {
  const { head } = slot;
  if (head === undefined || head.nodeId !== undefined) return false;
  const since = context.refusedSince(head.id);
  if (since === undefined) return false;
  if (!someNodeIsSilent(view, context)) return true;
  const until = since + silencePatienceMs;
  if (until <= context.now) return true;
  slot.draft.wake(until);
  return false;
}

function someNodeIsSilent(view: View, context: PlanContext): boolean {
  for (const node of view.nodes.all()) {
    if (node.spec.availability !== 'active') continue;
    const state = context.observed.node(node.id)?.state;
    if (state !== 'ready' && state !== 'down') return true;
  }
  return false;
}

/**
 * Ends the head's turn once it ran for the update's delay, or finds no place; a rebalance, which is
 * in no hurry, watches it for failure as an update does.
 */
export function planTurn(view: View, slot: Slot, context: PlanContext): void {
  const { head, service, draft } = slot;
  if (head === undefined || head.end !== undefined || head.move?.turn !== 'held') return;
  const observed = context.observed.task(head.id);
  const isRebalance = head.move.cause === 'rebalance';
  if (observed?.state === 'running') {
    const { delayMs, monitorMs } = updateSettings(service);
    const endsAt = observed.since + (isRebalance ? Math.max(delayMs, monitorMs) : delayMs);
    if (endsAt > context.now) {
      draft.wake(endsAt);
      return;
    }
    slot.step({ kind: 'end-turn', taskId: head.id });
    if (isRebalance) draft.push({ kind: 'count-move', serviceId: service.id });
  } else if (isHomeless(view, slot, context)) {
    slot.step({ kind: 'end-turn', taskId: head.id });
  } else {
    planPatience(view, slot, context);
  }
}
