import type { NodeViewChange, NodeView } from '../model/assignment.ts';
import { hasFence } from '../model/fence.ts';

/** Fewer tasks are no sign of a manager that knows too little. */
const fewestHeld = 3;

/**
 * A manager keeps the row of each task until its node says that it has ended. One that does not
 * know most of what runs here was restored from a backup that is older: what it does not know stays
 * until a person has looked.
 */
export class HeldRemovals {
  #held: readonly string[] = [];
  #isAccepted = false;

  get count(): number {
    return this.#held.length;
  }

  /**
   * A person has looked: the next whole view takes away what is not in it. Returns how many were
   * held.
   */
  accept(): number {
    this.#isAccepted = this.count > 0;
    return this.count;
  }

  /**
   * The changes of a whole view, with what is held back before them. `mayGo` are tasks that this
   * node made by itself: managers decide which of them stay.
   */
  keep(
    changes: readonly NodeViewChange[],
    of: {
      readonly view: NodeView;
      readonly mayGo: ReadonlySet<string>;
      isRunning(taskId: string): boolean;
    },
  ): readonly NodeViewChange[] {
    const { view } = of;
    const told = new Set(changes.flatMap((change) => ('put' in change ? [keyOf(change)] : [])));
    const running = [...view.tasks.values()].filter(
      (task) => !task.ended && !of.mayGo.has(task.taskId) && of.isRunning(task.taskId),
    );
    const unknown = running.filter(
      // What must not run twice goes: it may run elsewhere already.
      (task) => !told.has(`task/${task.taskId}`) && !hasFence(task.serviceLabels),
    );
    const isHeld = unknown.length >= fewestHeld && unknown.length * 2 > running.length;
    this.#held = isHeld && !this.#isAccepted ? unknown.map(({ taskId }) => taskId) : [];
    this.#isAccepted = false;
    if (this.#held.length === 0) return changes;
    const templateIds = new Set(unknown.map(({ templateId }) => templateId));
    const networkIds = new Set(
      unknown.flatMap(({ addresses }) => addresses.map(({ networkId }) => networkId)),
    );
    const kept: readonly NodeViewChange[] = [
      ...[...view.data.values()].map((value) => ({ put: 'data', value }) as const),
      ...[...view.templates.values()]
        .filter(({ templateId }) => templateIds.has(templateId))
        .map((value) => ({ put: 'template', value }) as const),
      ...[...view.networks.values()]
        .filter(({ networkId }) => networkIds.has(networkId))
        .map((value) => ({ put: 'network', value }) as const),
      ...unknown.map((value) => ({ put: 'task', value }) as const),
    ];
    return [...kept.filter((change) => !('put' in change) || !told.has(keyOf(change))), ...changes];
  }
}

function keyOf(change: Extract<NodeViewChange, { readonly put: unknown }>): string {
  switch (change.put) {
    case 'task':
      return `task/${change.value.taskId}`;
    case 'template':
      return `template/${change.value.templateId}`;
    case 'network':
      return `network/${change.value.networkId}`;
    case 'data':
      return `data/${change.value.id}`;
    case 'catalog-service':
    case 'catalog-task':
    case 'catalog-node':
      return change.put;
  }
}
