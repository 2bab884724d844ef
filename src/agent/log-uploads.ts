import type { ContainerRuntime } from '../host/container-runtime.ts';
import type { Logger } from '../host/logger.ts';
import type { AgentTransport } from '../host/transport.ts';
import { TuttiError } from '../lib/error.ts';
import type { ManagerMessage } from '../wire/messages.ts';

type LogRequest = Extract<ManagerMessage, { kind: 'logs' }>;

export interface LogUploadsOptions {
  readonly runtime: ContainerRuntime;
  readonly transport: AgentTransport;
  readonly logger: Logger;
  containerOf(taskId: string): string | undefined;
}

/** Sends what containers print to a manager that asked, each request on a stream of its own. */
export class LogUploads {
  readonly #options: LogUploadsOptions;
  readonly #running = new Map<string, AbortController>();

  constructor(options: LogUploadsOptions) {
    this.#options = options;
  }

  start(request: LogRequest, signal: AbortSignal): void {
    const cancelled = new AbortController();
    this.#running.set(request.requestId, cancelled);
    void this.#upload(request, AbortSignal.any([signal, cancelled.signal])).finally(() =>
      this.#running.delete(request.requestId),
    );
  }

  cancel(requestId: string): void {
    this.#running.get(requestId)?.abort();
  }

  cancelAll(): void {
    for (const controller of this.#running.values()) controller.abort();
  }

  async #upload(request: LogRequest, signal: AbortSignal): Promise<void> {
    const { runtime, transport, logger } = this.#options;
    try {
      const stream = await transport.openLogs(request.requestId, signal);
      try {
        const containerId = this.#options.containerOf(request.taskId);
        if (containerId === undefined) return;
        for await (const frame of runtime.logs(containerId, request.query, signal)) {
          await stream.send({ kind: 'frame', frame });
        }
      } catch (error) {
        if (signal.aborted) return;
        await stream.send({ kind: 'failed', message: TuttiError.from(error).message });
      } finally {
        stream.close();
      }
    } catch (error) {
      if (signal.aborted) return;
      logger.warn('logs could not be sent', {
        taskId: request.taskId,
        error: TuttiError.from(error).message,
      });
    }
  }
}
