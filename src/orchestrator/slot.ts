import type { Reason } from '../model/reason.ts';
import type { Service } from '../model/service.ts';
import type { Task } from '../model/task.ts';
import { isLive, isWanted } from '../store/schema.ts';
import type { View } from '../store/view.ts';
import { PlanDraft } from './plan.ts';
import type { TaskStep } from './step.ts';
import { taskAfter } from './step.ts';

/** The tasks of one slot, as they are and as the steps planned so far leave them. */
export class Slot {
  readonly service: Service;
  readonly draft = new PlanDraft();
  /** By generation. */
  #tasks: readonly Task[];

  constructor(service: Service, tasks: readonly Task[]) {
    this.service = service;
    this.#tasks = tasks;
  }

  get tasks(): readonly Task[] {
    return this.#tasks;
  }

  /** The newest task that stands for the slot, or is to; none: the slot is vacant. */
  get head(): Task | undefined {
    return this.#tasks.findLast(holdsSlot);
  }

  /** Tasks that stood for the slot before the head and are not retired yet. */
  get elders(): readonly Task[] {
    const { head } = this;
    return this.#tasks.filter((task) => task !== head && holdsSlot(task));
  }

  /** Tasks that were retired and whose end is not known. */
  get leaving(): readonly Task[] {
    return this.#tasks.filter((task) => task.end === undefined && !isLive(task));
  }

  step(step: TaskStep): void {
    this.draft.push(step);
    if (step.kind === 'create-task') {
      this.#tasks = [...this.#tasks, step.task];
      return;
    }
    this.#tasks = this.#tasks.flatMap((task) => {
      if (task.id !== step.taskId) return [task];
      const after = taskAfter(task, step);
      if (isAwaited(task) && (after === undefined || !isAwaited(after))) {
        this.draft.follow({ kind: 'update', serviceId: task.serviceId });
        this.draft.follow({ kind: 'moves', serviceId: task.serviceId });
      }
      return after === undefined ? [] : [after];
    });
  }

  /**
   * Retires a task. One that never had a node ends at once, because no agent will ever speak of it;
   * and where it is to be removed its row goes as soon as nothing of it is left.
   */
  retire(
    task: Task,
    how: Omit<Extract<TaskStep, { kind: 'retire-task' }>, 'kind' | 'taskId'>,
  ): void {
    const { id: taskId } = task;
    const isOver = task.end !== undefined || task.nodeId === undefined;
    if (how.desired === 'removed' && isOver) {
      this.step({ kind: 'delete-task', taskId });
      this.draft.follow({ kind: 'template', templateId: task.templateId });
      return;
    }
    if (task.desired !== how.desired || task.spent === true) {
      this.step({ kind: 'retire-task', taskId, ...how });
    }
    if (task.end === undefined && isOver) {
      const { reason } = how;
      this.step({ kind: 'end-task', taskId, end: { state: 'shutdown', at: reason.since, reason } });
    }
  }
}

/** An update or a move waits for its start. */
function isAwaited(task: Task): boolean {
  return (task.rollout === 'starting' || task.move?.turn === 'held') && isLive(task);
}

/** Wanted, or spent: a slot whose task is through still is a slot. */
function holdsSlot(task: Task): boolean {
  return isWanted(task) || task.spent === true;
}

export function slotOf(view: View, at: { service: Service; slotKey: string }): Slot {
  return new Slot(at.service, byGeneration(view.tasks.by('slot', at.slotKey)));
}

function byGeneration(tasks: Iterable<Task>): readonly Task[] {
  return [...tasks].toSorted(
    (left, right) => left.generation - right.generation || left.createdAt - right.createdAt,
  );
}

/** Retires every task of the slot for good. */
export function removeAll(slot: Slot, reason: Reason): void {
  for (const task of slot.tasks) slot.retire(task, { desired: 'removed', reason });
}
