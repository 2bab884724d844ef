import type { NodeExamination } from '../model/network-examination.ts';
import { TuttiError } from '../lib/error.ts';
import type { AgentMessage, ManagerMessage } from '../wire/messages.ts';
import { Examinations } from './examinations.ts';
import { LogUploads, type LogUploadsOptions } from './log-uploads.ts';

type Request = Extract<ManagerMessage, { readonly kind: 'logs' | 'examine' | 'cancel' }>;

/** What a manager wants to know now and then. */
export class ManagerRequests {
  readonly #logs: LogUploads;
  readonly #examinations: Examinations;
  readonly #say: (message: AgentMessage) => void;

  constructor(
    options: LogUploadsOptions &
      ConstructorParameters<typeof Examinations>[0] & {
        say(message: AgentMessage): void;
      },
  ) {
    this.#logs = new LogUploads(options);
    this.#examinations = new Examinations(options);
    this.#say = (message) => options.say(message);
  }

  take(request: Request, signal: AbortSignal): void {
    switch (request.kind) {
      case 'logs':
        return this.#logs.start(request, signal);
      case 'examine': {
        const { requestId } = request;
        const tell = (seen: NodeExamination | TuttiError): void =>
          this.#say({ kind: 'examined', requestId, ...outcomeOf(seen) });
        void this.#examinations.run(request, { signal, tell });
        return;
      }
      case 'cancel':
        this.#logs.cancel(request.requestId);
        this.#examinations.cancel(request.requestId);
    }
  }

  cancelAll(): void {
    this.#logs.cancelAll();
  }
}

function outcomeOf(seen: NodeExamination | TuttiError) {
  return seen instanceof TuttiError ? { failure: seen.message } : { examination: seen };
}
