import type { AgentSession } from './agent-session.ts';

/**
 * Tasks that are told to stop while other nodes may still lead callers to them: each with the
 * sessions whose agents have not said yet that they do not. Kept in memory only: where it is lost,
 * tasks stop without waiting.
 */
export class Departures {
  /** By task, the confirmation that each session owes. */
  readonly #owed = new Map<string, Map<AgentSession, number>>();
  readonly #onDone: (taskId: string) => void;

  /** `onDone` is told of each task that no node leads to any more. */
  constructor(onDone: (taskId: string) => void) {
    this.#onDone = onDone;
  }

  /** What these sessions are told next takes the task out of discovery. */
  begin(taskId: string, sessions: Iterable<AgentSession>): void {
    const owed = new Map<AgentSession, number>();
    for (const session of sessions) owed.set(session, session.askToConfirm());
    if (owed.size > 0) this.#owed.set(taskId, owed);
  }

  /** Whether its agent may leave callers time to be led elsewhere. */
  has(taskId: string): boolean {
    return this.#owed.has(taskId);
  }

  /** The agent shows what it was told up to that confirmation. */
  confirmed(session: AgentSession, confirmation: number): void {
    for (const [taskId, owed] of this.#owed) {
      const due = owed.get(session);
      if (due !== undefined && due <= confirmation) this.#settle(taskId, session);
    }
  }

  /** Who has no session is led by what it knew; nobody waits for it. */
  sessionEnded(session: AgentSession): void {
    this.confirmed(session, Number.POSITIVE_INFINITY);
  }

  /** The task has ended. */
  forget(taskId: string): void {
    this.#owed.delete(taskId);
  }

  #settle(taskId: string, session: AgentSession): void {
    const owed = this.#owed.get(taskId);
    owed?.delete(session);
    if (owed?.size !== 0) return;
    this.#owed.delete(taskId);
    this.#onDone(taskId);
  }
}
