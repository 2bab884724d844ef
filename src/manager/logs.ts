import type { Clock } from '../host/clock.ts';
import type { MessageStream } from '../host/transport.ts';
import { BoundedQueue } from '../lib/bounded-queue.ts';
import { TuttiError } from '../lib/error.ts';
import type { LogQuery } from '../model/log.ts';
import type { Task } from '../model/task.ts';
import type { View } from '../store/view.ts';
import type { LogMessage } from '../wire/messages.ts';
import type { TaskLogFrame } from './control-plane.ts';
import type { Dispatcher } from './dispatcher.ts';

/** Lines between the agents and a reader that is slower than they are. */
const frameLimit = 256;
/** Logs that one reader may follow at a time: each is a stream of its own. */
const taskLimit = 512;
/** How long an agent may take to begin its upload. */
const uploadTimeoutMs = 10_000;

/** One task's part of a reading. */
interface Request {
  readonly id: string;
  readonly task: Task;
  readonly nodeId: string;
  readonly frames: BoundedQueue<TaskLogFrame>;
  readonly finished: PromiseWithResolvers<void>;
  uploading: boolean;
  failure?: TuttiError;
}

/**
 * Reads logs where they are: asks each task's agent, which uploads on a stream of its own. A reader
 * that is slow slows the agents down; one that goes away cancels them.
 */
export class LogBroker {
  readonly #view: View;
  readonly #dispatcher: Dispatcher;
  readonly #clock: Clock;
  readonly #newId: () => string;
  readonly #requests = new Map<string, Request>();

  constructor(options: {
    readonly view: View;
    readonly dispatcher: Dispatcher;
    readonly clock: Clock;
    readonly newId: () => string;
  }) {
    this.#view = options.view;
    this.#dispatcher = options.dispatcher;
    this.#clock = options.clock;
    this.#newId = options.newId;
  }

  /**
   * Lines of the tasks, each task's in order. A task whose log cannot be had is left out while
   * another one's can; when none can, throws what the first of them failed with. Tasks without a
   * node have no log.
   */
  async *read(
    taskIds: readonly string[],
    options: { readonly query: LogQuery; readonly signal: AbortSignal },
  ): AsyncGenerator<TaskLogFrame, void, undefined> {
    const { query, signal } = options;
    if (signal.aborted) return;
    if (taskIds.length > taskLimit) {
      throw new TuttiError(
        'resource-exhausted',
        `the logs of ${taskIds.length} tasks are too many, ${taskLimit} can be read at once`,
        { hint: 'Ask for single tasks.' },
      );
    }
    const frames = new BoundedQueue<TaskLogFrame>(frameLimit);
    const requests = taskIds
      .map((id) => this.#ask(id, { frames, query }))
      .filter((request) => request !== undefined);
    const stop = (): void => frames.close();
    signal.addEventListener('abort', stop, { once: true });
    void Promise.all(requests.map((one) => one.finished.promise)).then(stop);
    let any = false;
    try {
      for await (const frame of frames) {
        if (signal.aborted) return;
        any = true;
        yield frame;
      }
    } finally {
      signal.removeEventListener('abort', stop);
      frames.close();
      for (const request of requests) this.#cancel(request);
    }
    const failures = requests.flatMap(({ failure }) => (failure === undefined ? [] : [failure]));
    const [failure] = failures;
    if (any || signal.aborted || failures.length < requests.length) return;
    if (failure !== undefined) throw failure;
  }

  /**
   * Takes what an agent uploads for one request; resolves when that is over. Only the node that was
   * asked may answer; `nodeId` is undefined for the agent of this machine.
   */
  async upload(
    requestId: string,
    from: {
      readonly stream: MessageStream<never, LogMessage>;
      readonly nodeId?: string | undefined;
    },
  ): Promise<void> {
    const { stream, nodeId } = from;
    const request = this.#requests.get(requestId);
    if (request === undefined || (nodeId ?? request.nodeId) !== request.nodeId) return;
    request.uploading = true;
    try {
      for await (const message of stream.incoming) {
        if (request.frames.closed) return;
        if (message.kind === 'failed') {
          request.failure = new TuttiError('unavailable', message.message);
          return;
        }
        await request.frames.push({ task: request.task, frame: message.frame });
      }
    } catch (error) {
      request.failure = TuttiError.from(error);
    } finally {
      this.#finish(request);
    }
  }

  /** What was asked of this node will not come any more. */
  sessionEnded(nodeId: string): void {
    for (const request of this.#requests.values()) {
      if (request.nodeId === nodeId && !request.uploading)
        this.#fail(request, notConnected(request));
    }
  }

  #ask(
    taskId: string,
    options: { readonly frames: BoundedQueue<TaskLogFrame>; readonly query: LogQuery },
  ): Request | undefined {
    const task = this.#view.tasks.get(taskId);
    if (task?.nodeId === undefined) return undefined;
    const request: Request = {
      id: this.#newId(),
      task,
      nodeId: task.nodeId,
      frames: options.frames,
      finished: Promise.withResolvers<void>(),
      uploading: false,
    };
    this.#requests.set(request.id, request);
    const session = this.#dispatcher.session(task.nodeId);
    if (session === undefined) {
      this.#fail(request, notConnected(request));
      return request;
    }
    session.request({ kind: 'logs', requestId: request.id, taskId, query: options.query });
    void this.#giveUp(request);
    return request;
  }

  async #giveUp(request: Request): Promise<void> {
    const timeout = new AbortController();
    void request.finished.promise.then(() => timeout.abort());
    const elapsed = this.#clock.sleep(uploadTimeoutMs, timeout.signal).then(
      () => true,
      () => false,
    );
    if (!(await elapsed) || request.uploading) return;
    const message = `node ${request.nodeId} did not send the log of task ${request.task.id}`;
    this.#fail(request, new TuttiError('unavailable', message));
  }

  #fail(request: Request, error: TuttiError): void {
    request.failure = error;
    this.#finish(request);
  }

  #finish(request: Request): void {
    this.#requests.delete(request.id);
    request.finished.resolve();
  }

  #cancel(request: Request): void {
    if (!this.#requests.has(request.id)) return;
    this.#dispatcher.session(request.nodeId)?.request({ kind: 'cancel', requestId: request.id });
    this.#finish(request);
  }
}

function notConnected(request: Request): TuttiError {
  return new TuttiError(
    'unavailable',
    `node ${request.nodeId} is not connected, so the log of task ${request.task.id} cannot be read`,
  );
}
