import type { Clock } from '../host/clock.ts';
import type { RuntimeContainer } from '../host/container-runtime.ts';
import type { Logger } from '../host/logger.ts';
import { TuttiError } from '../lib/error.ts';
import { unreachable } from '../lib/assert.ts';
import { sameJson } from '../lib/json.ts';
import type { TaskAssignment } from '../model/assignment.ts';
import { hasFence } from '../model/fence.ts';
import { hostPortsOf } from '../model/host-ports.ts';
import type { Reason } from '../model/reason.ts';
import type { ObservedPort, ObservedTask } from '../model/task.ts';
import { compareTaskStates, isEndState } from '../model/task-state.ts';
import type { TaskTemplateSpec } from '../model/template.ts';
import type { Decision, SeenEnd, Setback, Situation, TaskAction } from '../task/situation.ts';
import { step } from '../task/step.ts';
import type { TaskWork } from './task-work.ts';

const firstRetryMs = 200;
const longestRetryMs = 10_000;
/** Nodes that take longer to lead callers elsewhere are not waited for. */
const departureLimitMs = 2_000;

interface Death {
  readonly containerId: string;
  readonly exitCode: number;
}

/** What the node's lease allows; see `LeaseKeeper`. */
export interface LeaseStanding {
  /** Nothing that is fenced may be started. */
  readonly isOver: boolean;
  /** Nothing that is fenced may run. */
  readonly mustStop: boolean;
}

/** What a runner knows of the world around it. */
export interface TaskRunnerHost {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly work: TaskWork;
  /** Whether tasks that must not run twice may run here. */
  readonly lease: LeaseStanding;
  assignment(taskId: string): TaskAssignment | undefined;
  template(templateId: string): TaskTemplateSpec | undefined;
  /** Names of secrets and configs that have not come yet. */
  missingData(template: TaskTemplateSpec): readonly string[];
  /** What is observed of the task changed. */
  report(observed: ObservedTask): void;
  /** Whether the task has to wait for one that stood in for its slot. */
  isHeldUp(taskId: string): boolean;
  /** Whether a fenced task would be stopped without this agent. */
  isGuarded(taskId: string): boolean;
  /** Resolves when discovery leads nobody to the task any more. */
  release(taskId: string): Promise<void>;
  /**
   * Resolves when its networks are ready for the task, and it has its ports of the node itself.
   * Throws `conflict` with field `port` when somebody else has one.
   */
  admitToNetworks(taskId: string): Promise<void>;
  /** Nothing of the task is left on this node. */
  gone(taskId: string): void;
}

/**
 * Brings one task to where it should be: asks `step` what to do, does it, looks again. It sleeps
 * while the answer is to wait, until something wakes it.
 */
export class TaskRunner {
  readonly taskId: string;
  readonly #host: TaskRunnerHost;
  #wake = Promise.withResolvers<void>();
  #template: TaskTemplateSpec | undefined;
  #container: RuntimeContainer | undefined;
  /** The engine may show something else by now. */
  #stale = true;
  /** The engine said that it ended, and a look that began after that is not back yet. */
  #death: Death | undefined;
  #prepared = false;
  #whole = false;
  #healthSince: number | undefined;
  #started = false;
  #releasedAt: number | undefined;
  #condemned: Reason | undefined;
  #setback: Setback | undefined;
  #failures = 0;
  #end: SeenEnd | undefined;
  #observed: ObservedTask | undefined;
  #containerId: string | undefined;
  /** Its container is found by it, also when the task is not assigned any more. */
  readonly #containerName: string | undefined;

  /** Made while the task is assigned. */
  constructor(taskId: string, host: TaskRunnerHost) {
    this.taskId = taskId;
    this.#host = host;
    const task = host.assignment(taskId);
    this.#containerName = task && host.work.nameOf(task);
  }

  get observed(): ObservedTask | undefined {
    return this.#observed;
  }

  /** The engine's container of this task, where there is one. */
  get containerId(): string | undefined {
    return this.#containerId;
  }

  /** As the engine showed it last. */
  get container(): RuntimeContainer | undefined {
    return this.#container;
  }

  /** The ports of the node itself that nobody else may have: from the start to the end. */
  get hostPorts(): readonly ObservedPort[] {
    const isOver = !this.#started || this.#end !== undefined;
    return isOver ? [] : hostPortsOf(this.#container?.labels ?? {});
  }

  get wantsVisitors(): boolean {
    return (
      this.#releasedAt === undefined &&
      this.#death === undefined &&
      this.#observed?.state === 'running' &&
      this.#condemned === undefined
    );
  }

  /** Takes over a container that an agent, or an engine, before this one made. */
  adopt(container: RuntimeContainer): void {
    this.#healthSince = this.#host.clock.now();
    // Ours is newer: the list may be older than what was made anew since.
    this.#containerId ??= container.id;
    this.#started ||= container.state !== 'created' || container.exitCode !== undefined;
    this.look();
  }

  /** Remembers how it ended, where the engine may have forgotten. */
  remember(observed: ObservedTask): void {
    if (observed.reason === undefined || !isEndState(observed.state)) return;
    this.#end = {
      state: observed.state,
      reason: observed.reason,
      ...(observed.exitCode !== undefined && { exitCode: observed.exitCode }),
    };
    this.#observed = observed;
  }

  /** The container may have changed: look at it again. */
  look(): void {
    this.#stale = true;
    this.wake();
  }

  /**
   * The engine says that its process has ended, and shows it once it has cleaned up, which takes
   * longer than all else: until then nobody is led to it, here or elsewhere. How it ended, and
   * whether it did, says the look that follows.
   */
  died(death: Death): void {
    if (this.#container?.id !== death.containerId || !this.wantsVisitors) return;
    this.#death = death;
    const before = this.#observed;
    if (before === undefined) return;
    this.#observed = { ...before, containers: this.#observedContainers(before) };
    this.#host.report(this.#observed);
  }

  /** What is wanted may have changed: decide again. */
  wake(): void {
    this.#wake.resolve();
  }

  /**
   * Whether the task may run has changed. What is in the middle of something long, such as a stop
   * that leaves the container its time, is not waited for.
   */
  async leaseChanged(signal: AbortSignal): Promise<void> {
    const assignment = this.#host.assignment(this.taskId);
    if (assignment === undefined || !hasFence(assignment.serviceLabels)) return;
    const containerId = this.#containerId;
    try {
      const isUp = containerId !== undefined && this.#started && this.#end === undefined;
      if (isUp && this.#host.lease.mustStop) await this.#host.work.kill(containerId, signal);
    } catch (error) {
      // The runner itself tries again, and again.
      const { message } = TuttiError.from(error);
      this.#host.logger.warn('a fenced task could not be stopped at once', {
        taskId: this.taskId,
        error: message,
      });
    }
    this.look();
  }

  #fenced(assignment: TaskAssignment | undefined): Pick<Situation, 'fenced'> {
    if (assignment === undefined || !hasFence(assignment.serviceLabels)) return {};
    const { lease } = this.#host;
    const isUp = this.#container !== undefined && this.#container.state !== 'created';
    if (isUp ? lease.mustStop : lease.isOver) return { fenced: 'lease-over' };
    return isUp || this.#host.isGuarded(this.taskId) ? {} : { fenced: 'unguarded' };
  }

  /** Runs until nothing of the task is left, or the signal. */
  async run(signal: AbortSignal): Promise<void> {
    const onAbort = (): void => this.wake();
    signal.addEventListener('abort', onAbort);
    try {
      while (!signal.aborted) {
        this.#wake = Promise.withResolvers<void>();
        const decision = await this.#decide(signal);
        if (decision === undefined) continue;
        this.#observe(decision);
        if (decision.action.kind === 'wait') await this.#wait(decision.action.until);
        else if (await this.#carryOut(decision.action, signal)) return;
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  async #decide(signal: AbortSignal): Promise<Decision | undefined> {
    try {
      if (this.#stale) await this.#refresh(signal);
    } catch (error) {
      if (!signal.aborted) await this.#setBack(error);
      return undefined;
    }
    return step(this.#situation());
  }

  async #refresh(signal: AbortSignal): Promise<void> {
    this.#stale = false;
    const death = this.#death;
    try {
      this.#container = await this.#find(signal);
      if (this.#death === death) this.#death = undefined;
    } catch (error) {
      this.#stale = true;
      throw error;
    }
    if (this.#container !== undefined) {
      this.#containerId = this.#container.id;
      this.#started ||= this.#container.state !== 'created';
    }
  }

  /** By its id; or by its name, which is the task's own and says more than an id that is gone. */
  async #find(signal: AbortSignal): Promise<RuntimeContainer | undefined> {
    const { work } = this.#host;
    for (const reference of [this.#containerId, this.#containerName]) {
      const found = reference === undefined ? undefined : await work.inspect(reference, signal);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #situation(): Situation {
    const assignment = this.#host.assignment(this.taskId);
    if (assignment !== undefined) this.#template = this.#host.template(assignment.templateId);
    const template = this.#template;
    const now = this.#host.clock.now();
    return {
      assignment,
      spec: template?.containers[0],
      now,
      prepared: this.#prepared,
      whole: this.#whole,
      healthSince: this.#healthSince,
      missingData: template === undefined ? ['its template'] : this.#host.missingData(template),
      container: this.#container,
      started: this.#started,
      released: this.#releasedAt !== undefined,
      departsUntil:
        assignment?.departing === true && this.#releasedAt !== undefined
          ? this.#releasedAt + departureLimitMs
          : undefined,
      condemned: this.#condemned,
      setback: this.#setback,
      end: this.#end,
      ...this.#fenced(assignment),
      heldUp: this.#host.isHeldUp(this.taskId),
    };
  }

  #observe(decision: Decision): void {
    const before = this.#observed;
    // Observed states never go backwards: a task that stops stays `running` until it has ended.
    const isBackwards = before !== undefined && compareTaskStates(decision.state, before.state) < 0;
    const state = isBackwards ? before.state : decision.state;
    const reason = state === 'running' ? undefined : (decision.reason ?? before?.reason);
    const next: ObservedTask = {
      taskId: this.taskId,
      state,
      since: before?.state === state ? before.since : this.#host.clock.now(),
      containers: this.#observedContainers(before),
      hostPorts: this.hostPorts,
      ...(reason !== undefined && { reason: sameSince(reason, before?.reason) }),
      ...(this.#end?.exitCode !== undefined && { exitCode: this.#end.exitCode }),
    };
    if (sameJson(before, next)) return;
    this.#observed = next;
    this.#host.report(next);
  }

  #observedContainers(before: ObservedTask | undefined): ObservedTask['containers'] {
    const container = this.#container;
    if (container === undefined) return before?.containers ?? [];
    const exitCode = this.#death?.exitCode ?? container.exitCode;
    return [
      {
        name: this.#template?.containers[0]?.name ?? 'main',
        containerId: container.id,
        health: container.health,
        ...(container.pid !== undefined && { pid: container.pid }),
        ...(exitCode !== undefined && { exitCode }),
      },
    ];
  }

  /** The end of the agent wakes, too. */
  async #wait(until: number | undefined): Promise<void> {
    if (until === undefined) {
      await this.#wake.promise;
      return;
    }
    const timer = new AbortController();
    const delayMs = Math.max(0, until - this.#host.clock.now());
    const expired = this.#host.clock.sleep(delayMs, timer.signal).then(
      () => {
        // Time has passed: what was seen before says nothing any more.
        this.#stale = true;
      },
      () => undefined,
    );
    await Promise.race([this.#wake.promise, expired]);
    timer.abort();
  }

  /** Returns true when nothing is left to do for the task. */
  async #carryOut(action: TaskAction, signal: AbortSignal): Promise<boolean> {
    try {
      const isDone = await this.#act(action, signal);
      this.#failures = 0;
      this.#setback = undefined;
      return isDone;
    } catch (error) {
      if (!signal.aborted) await this.#failed(action, error);
      return false;
    }
  }

  async #act(action: TaskAction, signal: AbortSignal): Promise<boolean> {
    const { work } = this.#host;
    switch (action.kind) {
      case 'wait':
        return false;
      case 'prepare':
        await work.prepare(this.#required(), signal);
        this.#prepared = true;
        return false;
      case 'create':
        this.#containerId = await work.create(this.#required(), signal);
        this.#whole = true;
        this.#stale = true;
        return false;
      case 'start':
        this.#started = true;
        this.#stale = true;
        await this.#host.admitToNetworks(this.taskId);
        await work.start({ ...this.#required(), containerId: this.#containerId ?? '' }, signal);
        return false;
      case 'resume-health-check':
        this.#healthSince = this.#host.clock.now();
        this.#stale = true;
        await work.resumeHealthCheck(this.#containerId ?? '', signal);
        return false;
      case 'release':
        await this.#release();
        return false;
      case 'stop':
        await work.stop(this.#containerId ?? '', { spec: this.#template?.containers[0], signal });
        this.#stale = true;
        return false;
      case 'kill':
        this.#condemned ??= action.reason;
        this.#stale = true;
        await work.kill(this.#containerId ?? '', signal);
        return false;
      case 'condemn':
        this.#condemned = action.reason;
        return false;
      case 'end':
        await this.#release();
        this.#end = action.end;
        return false;
      case 'clean':
        await this.#release();
        await work.clean(
          {
            taskId: this.taskId,
            containerId: this.#containerId,
            neverRan: this.#container?.state === 'created',
          },
          signal,
        );
        this.#host.gone(this.taskId);
        return true;
      default:
        return unreachable(action);
    }
  }

  async #release(): Promise<void> {
    if (this.#releasedAt !== undefined) return;
    this.#releasedAt = this.#host.clock.now();
    await this.#host.release(this.taskId);
  }

  #required(): { readonly task: TaskAssignment; readonly template: TaskTemplateSpec } {
    const task = this.#host.assignment(this.taskId);
    const template = this.#template;
    if (task === undefined || template === undefined) {
      throw new TuttiError('unavailable', 'the task is not assigned any more');
    }
    return { task, template };
  }

  async #failed(action: TaskAction, why: unknown): Promise<void> {
    const error = TuttiError.from(why);
    const isOurs = action.kind === 'prepare' || action.kind === 'create' || action.kind === 'start';
    if (isOurs && error.code !== 'unavailable' && error.code !== 'cancelled') {
      this.#stale = true;
      const isStart = action.kind === 'start';
      this.#end = {
        state: isStart ? 'failed' : 'rejected',
        reason: {
          code: reasonOf(action, error),
          message: error.message,
          since: this.#host.clock.now(),
          ...(error.hint !== undefined && { hint: error.hint }),
        },
      };
      await this.#release();
      return;
    }
    await this.#setBack(error);
  }

  async #setBack(reason: unknown): Promise<void> {
    const error = TuttiError.from(reason);
    const now = this.#host.clock.now();
    const delayMs = Math.min(firstRetryMs * 2 ** this.#failures, longestRetryMs);
    this.#failures += 1;
    this.#setback = {
      retryAt: now + delayMs,
      reason: {
        code: error.code === 'unavailable' ? 'container-engine-unavailable' : 'retrying',
        message: error.message,
        since: now,
      },
    };
    // Once is enough to know: an engine that is away is away for all tasks, at each of their tries.
    const level = this.#failures === 1 ? 'warn' : 'debug';
    this.#host.logger[level]('a task has to wait', { taskId: this.taskId, error: error.message });
    if (this.#stale) await this.#wait(now + delayMs);
  }
}

/** A reason that says the same as before holds since then. */
function sameSince(reason: Reason, before: Reason | undefined): Reason {
  const isSame = before?.code === reason.code && before.message === reason.message;
  return isSame ? { ...reason, since: before.since } : reason;
}

function reasonOf(action: TaskAction, error: TuttiError): Reason['code'] {
  if (error.field === 'port') return 'host-port-in-use';
  if (action.kind === 'start') return 'start-failed';
  if (error.field === 'image') return 'image-missing';
  if (error.field === 'mount') return 'mount-missing';
  if (error.field === 'network') return 'network-failed';
  return 'create-failed';
}
