import type { Instant } from '../model/instant.ts';
import type { ObservedNode } from '../model/node.ts';
import type { Observed } from '../model/observed.ts';
import type { PortProblem } from '../model/port-problem.ts';
import type { ObservedTask } from '../model/task.ts';
import { compareTaskStates, isEndState } from '../model/task-state.ts';
import { sameJson } from '../lib/json.ts';

/**
 * What agents reported last, in memory only. A task never goes backwards, and its first end stays:
 * what arrives late, twice, or from a link that reordered it changes nothing.
 */
export class ObservedState implements Observed {
  readonly #tasks = new Map<string, ObservedTask>();
  /** When a task began to run; kept when it ends, because that is when somebody asks. */
  readonly #runningSince = new Map<string, Instant>();
  readonly #nodes = new Map<string, ObservedNode>();
  readonly #portProblems = new Map<string, readonly PortProblem[]>();

  task(taskId: string): ObservedTask | undefined {
    return this.#tasks.get(taskId);
  }

  node(nodeId: string): ObservedNode | undefined {
    return this.#nodes.get(nodeId);
  }

  portProblems(serviceId: string): readonly (PortProblem & { readonly nodeId: string })[] {
    return [...this.#portProblems].flatMap(([nodeId, problems]) =>
      problems
        .filter((problem) => problem.serviceId === serviceId)
        .map((problem) => ({ ...problem, nodeId })),
    );
  }

  setPortProblems(nodeId: string, problems: readonly PortProblem[]): void {
    if (problems.length > 0) this.#portProblems.set(nodeId, problems);
    else this.#portProblems.delete(nodeId);
  }

  runningSince(taskId: string): Instant | undefined {
    return this.#runningSince.get(taskId);
  }

  /**
   * Takes over a report that was sent at `sentAt` by the sender's clock and received at
   * `receivedAt` by ours. Returns whether it says something new.
   */
  report(
    task: ObservedTask,
    times: { readonly sentAt: Instant; readonly receivedAt: Instant },
  ): boolean {
    const before = this.#tasks.get(task.taskId);
    if (before !== undefined) {
      if (isEndState(before.state) || compareTaskStates(task.state, before.state) < 0) return false;
    }
    const shifted = shiftTimes(task, times);
    const next =
      before !== undefined && before.state === task.state ? keepSince(shifted, before) : shifted;
    if (before !== undefined && sameJson(before, next)) return false;
    this.#tasks.set(task.taskId, next);
    if (next.state === 'running') this.#runningSince.set(task.taskId, next.since);
    return true;
  }

  forgetTask(taskId: string): void {
    this.#tasks.delete(taskId);
    this.#runningSince.delete(taskId);
  }

  /** Returns whether that is something new; `since` stays while the state is the same. */
  setNode(node: ObservedNode): boolean {
    const before = this.#nodes.get(node.nodeId);
    const next = before?.state === node.state ? { ...node, since: before.since } : node;
    if (before !== undefined && sameJson(before, next)) return false;
    this.#nodes.set(node.nodeId, next);
    return true;
  }

  forgetNode(nodeId: string): void {
    this.#nodes.delete(nodeId);
    this.#portProblems.delete(nodeId);
  }

  clear(): void {
    this.#tasks.clear();
    this.#runningSince.clear();
    this.#nodes.clear();
    this.#portProblems.clear();
  }
}

/** Ages, not clock times, cross the wire: nothing that was reported happened in our future. */
export function shiftTimes(
  task: ObservedTask,
  times: { readonly sentAt: Instant; readonly receivedAt: Instant },
): ObservedTask {
  const shift = (since: Instant): Instant =>
    Math.min(times.receivedAt, since + times.receivedAt - times.sentAt);
  return {
    ...task,
    since: shift(task.since),
    ...(task.reason === undefined
      ? {}
      : { reason: { ...task.reason, since: shift(task.reason.since) } }),
  };
}

/**
 * The way to us takes longer at times: a state that lasts keeps the time at which we first knew it.
 */
function keepSince(task: ObservedTask, before: ObservedTask): ObservedTask {
  const { reason } = task;
  if (reason === undefined || reason.code !== before.reason?.code) {
    return { ...task, since: before.since };
  }
  return { ...task, since: before.since, reason: { ...reason, since: before.reason.since } };
}
