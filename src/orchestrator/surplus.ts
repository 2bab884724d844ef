import type { Observed } from '../model/observed.ts';
import type { Service } from '../model/service.ts';
import type { Task } from '../model/task.ts';
import { isLive, slotKey } from '../store/schema.ts';
import type { View } from '../store/view.ts';
import type { PlanContext, PlanDraft } from './plan.ts';
import { reasonOf } from './plan.ts';
import { removeAll, slotOf } from './slot.ts';

/**
 * Gives up that many slots of a replicated service. Looks at the task that stands for each slot.
 */
export function giveUpSlots(
  view: View,
  of: { readonly service: Service; readonly count: number; readonly context: PlanContext },
  draft: PlanDraft,
): void {
  const { service, context } = of;
  const message = `the service ${service.spec.name} was scaled down`;
  const reason = reasonOf('scaled-down', { message, since: context.now });
  for (const task of surplusTasks(view, of)) {
    const slot = slotOf(view, { service, slotKey: slotKey(task) });
    removeAll(slot, reason);
    draft.add(slot.draft.finish());
  }
}

interface Ranked {
  readonly task: Task;
  readonly isRunning: boolean;
  /** How many of the service's tasks on the same node are kept before this one. */
  copy: number;
}

/**
 * The tasks whose slots are given up, as Swarm chooses them: first those of slots that do not run,
 * then those on the nodes with the most copies, then the highest numbers (swarmkit
 * orchestrator/replicated/services.go).
 */
function surplusTasks(
  view: View,
  of: { readonly service: Service; readonly count: number; readonly context: PlanContext },
): readonly Task[] {
  const { observed } = of.context;
  const ranked: Ranked[] = [];
  for (const template of view.templates.by('service', of.service.id)) {
    for (const task of view.tasks.by('current', template.id)) {
      ranked.push({ task, isRunning: slotRuns(view, task, observed), copy: 0 });
    }
  }
  // The first ones are kept longest.
  ranked.sort((left, right) => runningFirst(left, right) || left.task.slot - right.task.slot);
  const copies = new Map<string, number>();
  for (const one of ranked) {
    const { nodeId } = one.task;
    if (nodeId === undefined) continue;
    one.copy = (copies.get(nodeId) ?? 0) + 1;
    copies.set(nodeId, one.copy);
  }
  const byCopies = ranked.toSorted(
    (left, right) => runningFirst(left, right) || left.copy - right.copy,
  );
  return byCopies.slice(byCopies.length - of.count).map((one) => one.task);
}

function runningFirst(left: Ranked, right: Ranked): number {
  return Number(right.isRunning) - Number(left.isRunning);
}

/** Whether the task runs, or the one that it is to replace does. */
function slotRuns(view: View, task: Task, observed: Observed): boolean {
  const runs = (one: Task): boolean => isLive(one) && observed.task(one.id)?.state === 'running';
  if (runs(task)) return true;
  if (task.generation === 1) return false;
  for (const other of view.tasks.by('slot', slotKey(task))) if (runs(other)) return true;
  return false;
}
