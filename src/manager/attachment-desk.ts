import type { Logger } from '../host/logger.ts';
import { TuttiError } from '../lib/error.ts';
import type { AttachmentReport } from '../model/attachment.ts';
import type { ManagerMessage } from '../wire/messages.ts';
import { attach, type AttachmentRequest, noteAttachments } from './attachments.ts';
import type { Writer } from './writer.ts';

/** Answers what nodes say of containers that are no tasks. */
export class AttachmentDesk {
  readonly #writer: Writer;
  readonly #logger: Logger;

  constructor(options: { readonly writer: Writer; readonly logger: Logger }) {
    this.#writer = options.writer;
    this.#logger = options.logger;
  }

  /** Resolves when the place is durable, or with why there is none. */
  async attach(nodeId: string, request: AttachmentRequest): Promise<ManagerMessage> {
    const { id } = request;
    try {
      const { networkId, address } = await this.#writer.write((tx, context) =>
        attach(tx, { nodeId, request, context }),
      );
      return { kind: 'attached', id, place: { networkId, address } };
    } catch (reason) {
      const { code, message, hint } = TuttiError.from(reason);
      const refusal = { code, message, ...(hint !== undefined && { hint }) };
      return { kind: 'attached', id, refusal };
    }
  }

  /**
   * Undefined where it could not be written: who hears no answer says it again, and a full disk
   * must not cut off a node.
   */
  async note(nodeId: string, report: AttachmentReport): Promise<ManagerMessage | undefined> {
    try {
      const refused = await this.#writer.write((tx, context) =>
        noteAttachments(tx, { nodeId, report, context }),
      );
      return { kind: 'noted', number: report.number, refused };
    } catch (error) {
      this.#logger.warn('the containers that a node has on networks could not be written', {
        nodeId,
        error: TuttiError.from(error).message,
      });
      return undefined;
    }
  }
}
