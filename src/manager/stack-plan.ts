import type { Instant } from '../model/instant.ts';
import type { Reason } from '../model/reason.ts';
import type { PlannedTask } from '../model/stack.ts';
import type { Task } from '../model/task.ts';
import type { Transaction, View } from '../store/view.ts';

/** The tasks that a rehearsed transaction makes, and where they go. */
export function plannedTasks(
  tx: Transaction,
  options: {
    readonly before: View;
    readonly refusals: ReadonlyMap<string, Reason>;
    readonly now: Instant;
  },
): readonly PlannedTask[] {
  const planned: PlannedTask[] = [];
  for (const service of tx.services.all()) {
    const before = options.before.services.get(service.id);
    if (before === service) continue;
    const made = [...tx.tasks.by('service', service.id)].filter(
      (task) => options.before.tasks.get(task.id) === undefined,
    );
    made.sort((left, right) => left.slot - right.slot);
    for (const task of made) {
      const outcome = outcomeOf(tx, { task, ...options });
      planned.push({ service: service.spec.name, slot: task.slot, outcome });
    }
  }
  return planned;
}

function outcomeOf(
  tx: Transaction,
  options: {
    readonly task: Task;
    readonly refusals: ReadonlyMap<string, Reason>;
    readonly now: Instant;
  },
): PlannedTask['outcome'] {
  const { task, refusals, now } = options;
  const { nodeId } = task;
  if (nodeId !== undefined) {
    const nodeName = tx.nodes.get(nodeId)?.description.hostname ?? nodeId;
    return { kind: 'placed', nodeId, nodeName };
  }
  const reason = refusals.get(task.id) ?? {
    code: 'awaiting-placement',
    message: 'the task would wait for a node',
    since: now,
  };
  return { kind: 'unplaced', reason };
}
