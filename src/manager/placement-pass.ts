import type { Task } from '../model/task.ts';
import type { Placing } from './planner-work.ts';

interface Pass {
  startedAt: number;
  /** When each task was tried last. */
  readonly tried: Map<string, number>;
}

/**
 * Which of the tasks that wait for a node are tried next, where a service has more of them than fit
 * into one transaction: those that were not tried since the last event, the longest untried first,
 * so that none is left out however often something happens.
 */
export class PlacementPasses {
  readonly #passes = new Map<string, Pass>();
  #attempt = 0;

  /** The tasks to try now, and whether some are left to be tried after them. */
  next(
    serviceId: string,
    of: { readonly waiting: readonly Task[]; readonly placing: Placing; readonly limit: number },
  ): { readonly tasks: readonly Task[]; readonly more: boolean } {
    const { waiting, placing, limit } = of;
    if (waiting.length <= limit) {
      this.#passes.delete(serviceId);
      return { tasks: waiting, more: false };
    }
    const pass = this.#pass(serviceId, placing);
    const lastTried = (task: Task): number => pass.tried.get(task.id) ?? 0;
    const untried = waiting
      .filter((task) => lastTried(task) < pass.startedAt)
      .toSorted((left, right) => lastTried(left) - lastTried(right));
    const tasks = untried.slice(0, limit);
    for (const task of tasks) {
      this.#attempt += 1;
      pass.tried.set(task.id, this.#attempt);
    }
    const more = untried.length > tasks.length;
    if (!more) this.#passes.delete(serviceId);
    return { tasks, more };
  }

  #pass(serviceId: string, placing: Placing): Pass {
    const startedAt = this.#attempt + 1;
    const pass = this.#passes.get(serviceId) ?? { startedAt, tried: new Map() };
    if (placing !== 'on') pass.startedAt = startedAt;
    this.#passes.set(serviceId, pass);
    return pass;
  }

  clear(): void {
    this.#passes.clear();
  }
}
