import type { Instant } from '../model/instant.ts';
import type { Node } from '../model/node.ts';
import type { Task } from '../model/task.ts';
import { isWanted } from '../store/schema.ts';
import type { Needs } from './needs.ts';

/**
 * Failures of one template on a node are held against it for this long (swarmkit
 * scheduler/nodeinfo.go).
 */
const failureMemoryMs = 5 * 60_000;
/** With this many of them the node is taken only when no other can be. */
const failuresThatCount = 5;

/** What the tasks on one node add up to. */
export class NodeLoad {
  /** The durable row. */
  node: Node;
  /** Wanted tasks of all services. */
  taskCount = 0;
  nanoCpus = 0;
  memoryBytes = 0;
  readonly #byService = new Map<string, number>();
  readonly #hostPorts = new Map<string, number>();
  /** By template: when its tasks failed here last. */
  readonly #failures = new Map<string, Instant[]>();

  constructor(node: Node) {
    this.node = node;
  }

  /**
   * Counts a task in (`sign` 1) or out (−1). Tasks that are stopping keep what they need until
   * then.
   */
  count(task: Task, of: { readonly needs: Needs; readonly sign: 1 | -1 }): void {
    const { needs, sign } = of;
    this.nanoCpus += sign * needs.nanoCpus;
    this.memoryBytes += sign * needs.memoryBytes;
    for (const key of needs.hostPorts) bump(this.#hostPorts, key, sign);
    if (!isWanted(task)) return;
    this.taskCount += sign;
    bump(this.#byService, task.serviceId, sign);
  }

  tasksOf(serviceId: string): number {
    return this.#byService.get(serviceId) ?? 0;
  }

  hasHostPort(key: string): boolean {
    return this.#hostPorts.has(key);
  }

  recordFailure(templateId: string, at: Instant): void {
    const failures = this.#failures.get(templateId);
    if (failures === undefined) this.#failures.set(templateId, [at]);
    else {
      failures.push(at);
      if (failures.length > failuresThatCount) failures.shift();
    }
  }

  forgetFailures(templateId: string): void {
    this.#failures.delete(templateId);
  }

  /** Whether tasks of this template keep failing here. */
  isFaulty(templateId: string, now: Instant): boolean {
    const failures = this.#failures.get(templateId);
    if (failures === undefined || failures.length < failuresThatCount) return false;
    return failures.every((at) => now - at < failureMemoryMs);
  }
}

function bump(counts: Map<string, number>, key: string, by: number): void {
  const count = (counts.get(key) ?? 0) + by;
  if (count > 0) counts.set(key, count);
  else counts.delete(key);
}
