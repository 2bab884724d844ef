import type { Clock } from '../host/clock.ts';
import type { MessageStream } from '../host/transport.ts';
import type { PortProblem } from '../model/port-problem.ts';
import type { ObservedTask } from '../model/task.ts';
import type { AgentMessage, ManagerMessage } from '../wire/messages.ts';

/**
 * Tells the manager what is observed: the latest of each task, everything that waits in one
 * message.
 */
export class Reporter {
  readonly #clock: Clock;
  readonly #changed = new Map<string, ObservedTask>();
  /** Kept until a session took them: a manager must hear of each. */
  readonly #gone = new Set<string>();
  #life: number | undefined;
  #ports: readonly PortProblem[] = [];
  #portsChanged = false;
  #wake = Promise.withResolvers<void>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  observed(task: ObservedTask): void {
    this.#changed.set(task.taskId, task);
    this.#wake.resolve();
  }

  gone(taskId: string): void {
    this.#changed.delete(taskId);
    this.#gone.add(taskId);
    this.#wake.resolve();
  }

  /** These published ports are not served here; all others are. */
  ports(problems: readonly PortProblem[]): void {
    this.#ports = problems;
    this.#portsChanged = true;
    this.#wake.resolve();
  }

  /** Says that the node lives; the last number is the one that counts. */
  life(number: number): void {
    this.#life = number;
    this.#wake.resolve();
  }

  /** The `hello` of a new session said everything observed. */
  connected(): void {
    this.#changed.clear();
    this.#portsChanged = this.#ports.length > 0;
    if (this.#gone.size > 0 || this.#portsChanged) this.#wake.resolve();
  }

  /** The node is nobody's any more. */
  left(): void {
    this.#changed.clear();
    this.#gone.clear();
  }

  async run(
    session: MessageStream<AgentMessage, ManagerMessage>,
    { signal }: { readonly signal: AbortSignal },
  ): Promise<void> {
    signal.addEventListener('abort', () => this.#wake.resolve(), { once: true });
    while (!signal.aborted) {
      await this.#wake.promise;
      if (signal.aborted) return;
      this.#wake = Promise.withResolvers<void>();
      for (const message of this.#take()) await session.send(message);
    }
  }

  #take(): readonly AgentMessage[] {
    const sentAt = this.#clock.now();
    const ports: readonly AgentMessage[] = this.#portsChanged
      ? [{ kind: 'ports', problems: this.#ports }]
      : [];
    this.#portsChanged = false;
    const life = this.#life;
    const beats: readonly AgentMessage[] =
      life === undefined ? [] : [{ kind: 'beat', sentAt, life }];
    this.#life = undefined;
    if (this.#changed.size === 0 && this.#gone.size === 0) return [...beats, ...ports];
    const tasks = [...this.#changed.values()];
    const gone = [...this.#gone];
    this.#changed.clear();
    this.#gone.clear();
    return [...beats, ...ports, { kind: 'observed', sentAt, tasks, gone }];
  }
}
