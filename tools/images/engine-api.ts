import { request } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { TuttiError } from '../../src/lib/error.ts';
import { requestEngine } from '../engine/engine-request.ts';
import type { EngineReply } from '../engine/engine-request.ts';

/** What images need of a container engine; https://docs.docker.com/reference/api/engine/. */
export interface EngineApi {
  /** Looks an image up by its name; undefined when the engine has none of that name. */
  findImage(tag: string): Promise<FoundImage | undefined>;
  /** Loads an archive of images. */
  loadImages(archive: Readable): Promise<void>;
  /** Removes a name and, with its last name, the image; by id, only an image without a name. */
  removeImage(nameOrId: string): Promise<'removed' | 'not-there' | 'in-use'>;
}

export interface FoundImage {
  readonly id: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** Talks to the engine at a Unix socket, given as a path or as `unix://` with a path. */
export function connectEngine(engineSocket: string): EngineApi {
  const socketPath = engineSocket.replace(/^unix:\/\//, '');
  return {
    async findImage(tag) {
      const path = `/images/${tag}/json`;
      const reply = await answerOf(requestEngine(socketPath, { path }), socketPath);
      if (reply.status === 404) return undefined;
      const image = JSON.parse(bodyOf(reply, `GET ${path}`)) as ImageReply;
      return { id: image.Id, labels: image.Config?.Labels ?? {} };
    },
    async loadImages(archive) {
      const path = '/images/load?quiet=1';
      const reply = await answerOf(postArchive({ socketPath, path, archive }), socketPath);
      // The status is sent before the work is done: failures come as a line of the body.
      const failure = /"error":"((?:[^"\\]|\\.)*)"/.exec(bodyOf(reply, `POST ${path}`));
      if (failure !== null) {
        throw new TuttiError('internal', `The engine did not load the images: ${failure[1]}`);
      }
    },
    async removeImage(nameOrId) {
      const path = `/images/${nameOrId}`;
      const reply = await answerOf(
        requestEngine(socketPath, { method: 'DELETE', path }),
        socketPath,
      );
      if (reply.status === 404) return 'not-there';
      if (reply.status === 409) return 'in-use';
      bodyOf(reply, `DELETE ${path}`);
      return 'removed';
    },
  };
}

interface ImageReply {
  readonly Id: string;
  readonly Config?: { readonly Labels?: Readonly<Record<string, string>> | null };
}

interface PostOptions {
  readonly socketPath: string;
  readonly path: string;
  readonly archive: Readable;
}

async function postArchive({ socketPath, path, archive }: PostOptions): Promise<EngineReply> {
  const outgoing = request({
    socketPath,
    path,
    method: 'POST',
    headers: { 'content-type': 'application/x-tar' },
    agent: false,
  });
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.once('response', resolve);
    outgoing.once('error', reject);
  });
  const [response] = await Promise.all([answered, pipeline(archive, outgoing)]);
  let body = '';
  for await (const chunk of response) body += String(chunk);
  return { status: response.statusCode ?? 0, body };
}

async function answerOf(reply: Promise<EngineReply>, socketPath: string): Promise<EngineReply> {
  try {
    return await reply;
  } catch (error) {
    throw new TuttiError('unavailable', `The container engine at ${socketPath} does not answer.`, {
      hint: 'Is it running, and may this user talk to it?',
      cause: error,
    });
  }
}

function bodyOf({ status, body }: EngineReply, what: string): string {
  if (status < 400) return body;
  throw new TuttiError('internal', `The container engine answered ${status} to ${what}: ${body}`);
}
