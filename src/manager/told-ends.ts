import type { AgentSession } from './agent-session.ts';

/**
 * Ends of tasks that are recorded and that sessions are about to tell the tasks' nodes. Kept in
 * memory only: where it is lost, the next session tells all of them.
 */
export class ToldEnds {
  /** By session, the tasks with the round that tells their node. */
  readonly #owed = new Map<AgentSession, Map<string, number>>();
  /** By node, tasks whose rows are gone while it may not know. */
  readonly #removed = new Map<string, Set<string>>();
  readonly #onSeen: (taskIds: readonly string[]) => void;

  constructor(onSeen: (taskIds: readonly string[]) => void) {
    this.#onSeen = onSeen;
  }

  /** The row of a task is gone; its node is told by the session that there is, or by the next. */
  removed(taskId: string, on: { readonly nodeId: string; readonly session?: AgentSession }): void {
    const { nodeId, session } = on;
    const ofNode = this.#removed.get(nodeId) ?? new Set<string>();
    this.#removed.set(nodeId, ofNode.add(taskId));
    if (session !== undefined) this.begin(session, [taskId]);
  }

  removedFrom(nodeId: string): Iterable<string> {
    return this.#removed.get(nodeId) ?? [];
  }

  /** The node is no member any more. */
  forgetNode(nodeId: string): void {
    this.#removed.delete(nodeId);
  }

  /** What this session tells next has the ends of these tasks. */
  begin(session: AgentSession, taskIds: Iterable<string>): void {
    const owed = this.#owed.get(session) ?? new Map<string, number>();
    for (const taskId of taskIds) owed.set(taskId, session.nextRound);
    if (owed.size > 0) this.#owed.set(session, owed);
  }

  /** The agent knows what it was told up to that round. */
  known(session: AgentSession, round: number): void {
    const owed = this.#owed.get(session);
    if (owed === undefined) return;
    const seen = [...owed].filter(([, due]) => due <= round).map(([taskId]) => taskId);
    const removed = this.#removed.get(session.nodeId);
    for (const taskId of seen) {
      owed.delete(taskId);
      removed?.delete(taskId);
    }
    if (removed?.size === 0) this.#removed.delete(session.nodeId);
    if (owed.size === 0) this.#owed.delete(session);
    if (seen.length > 0) this.#onSeen(seen);
  }

  /** What its node knows is not known: the next session tells it. */
  sessionEnded(session: AgentSession): void {
    this.#owed.delete(session);
  }
}
