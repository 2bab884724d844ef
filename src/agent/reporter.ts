import type { Clock } from '../host/clock.ts';
import type { MessageStream } from '../host/transport.ts';
import { TuttiError } from '../lib/error.ts';
import { sameJson } from '../lib/json.ts';
import type { NodeDescription } from '../model/node.ts';
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
  /** Answers to what the manager of this session asked. */
  #answers: AgentMessage[] = [];
  #life: number | undefined;
  #description: NodeDescription | undefined;
  #heldTasks = 0;
  #heldChanged = false;
  #ports: readonly PortProblem[] = [];
  #portsChanged = false;
  #shown: number | undefined;
  #known: number | undefined;
  #isKnownAwaited = false;
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

  /** Said in this session only. */
  answer(message: AgentMessage): void {
    this.#answers.push(message);
    this.#wake.resolve();
  }

  /** These published ports are not served here; all others are. */
  ports(problems: readonly PortProblem[]): void {
    this.#ports = problems;
    this.#portsChanged = true;
    this.#wake.resolve();
  }

  /** What was said up to this confirmation is shown; the last number is the one that counts. */
  shown(confirm: number): void {
    this.#shown = confirm;
    this.#wake.resolve();
  }

  /** Some of the node's tasks are kept although no manager knows them. */
  held(tasks: number): void {
    this.#heldTasks = tasks;
    this.#heldChanged = true;
    this.#wake.resolve();
  }

  /** What the machine is; it is said again where that is not what was said before. */
  isNow(description: NodeDescription): void {
    if (sameJson(description, this.#description)) return;
    this.#description = description;
    this.#heldChanged = true;
    this.#wake.resolve();
  }

  /** As it is known now. */
  get description(): NodeDescription | undefined {
    return this.#description;
  }

  /** What the `hello` of a new session says that this node is. */
  describe(): NodeDescription {
    if (this.#description === undefined) throw new TuttiError('internal', 'the node is unknown');
    this.#heldChanged = false;
    const description = this.#description;
    return this.#heldTasks === 0 ? description : { ...description, heldTasks: this.#heldTasks };
  }

  /**
   * Every assignment up to this sequence of the session is on disk. `isAwaited`: a manager waits to
   * hear so; else it is said with the next sign of life.
   */
  known(sequence: number, { isAwaited }: { readonly isAwaited: boolean }): void {
    this.#known = sequence;
    if (!isAwaited) return;
    this.#isKnownAwaited = true;
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
    this.#answers = [];
    this.#portsChanged = this.#ports.length > 0;
    this.#shown = undefined;
    this.#known = undefined;
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
      for (const message of [...this.#answers.splice(0), ...this.#take()]) {
        await session.send(message);
      }
    }
  }

  #take(): readonly AgentMessage[] {
    const sentAt = this.#clock.now();
    const ports: readonly AgentMessage[] = this.#portsChanged
      ? [{ kind: 'ports', problems: this.#ports }]
      : [];
    this.#portsChanged = false;
    const described: readonly AgentMessage[] =
      this.#heldChanged && this.#description !== undefined
        ? [{ kind: 'description', description: this.describe() }]
        : [];
    const life = this.#life;
    const known = this.#known;
    const mustBeat = life !== undefined || (known !== undefined && this.#isKnownAwaited);
    const beat: AgentMessage = {
      kind: 'beat',
      sentAt,
      ...(life !== undefined && { life }),
      ...(known !== undefined && { known }),
    };
    const beats = mustBeat ? [beat] : [];
    if (mustBeat) this.#known = undefined;
    this.#isKnownAwaited = false;
    this.#life = undefined;
    const shown: readonly AgentMessage[] =
      this.#shown === undefined ? [] : [{ kind: 'shown', confirm: this.#shown }];
    this.#shown = undefined;
    const short = [...beats, ...shown, ...ports, ...described];
    if (this.#changed.size === 0 && this.#gone.size === 0) return short;
    const tasks = [...this.#changed.values()];
    const gone = [...this.#gone];
    this.#changed.clear();
    this.#gone.clear();
    return [...short, { kind: 'observed', sentAt, tasks, gone }];
  }
}
