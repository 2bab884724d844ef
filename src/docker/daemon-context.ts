import type { Attachments } from '../host/attachments.ts';
import type { Clock } from '../host/clock.ts';
import type { HttpAnswer, HttpForward, HttpHeaders, HttpPeer, HttpReply } from '../host/http.ts';
import { TuttiError } from '../lib/error.ts';
import type { Route } from '../lib/route-table.ts';
import type { NodeMembership } from '../host/membership.ts';
import type { EngineApi } from './engine-api.ts';

import { errorReply, withHeaders } from './reply.ts';
import type { DockerRequest } from './request.ts';
import { refuseOnWorker } from './worker-sentence.ts';

/** What the routes of the daemon work with. */
export interface DaemonContext {
  readonly engine: EngineApi;
  readonly manager: HttpPeer;
  readonly membership: NodeMembership;
  readonly attachments: Attachments;
  /** An address of this machine: of the interface that was named, or its own. */
  readonly resolveAddress: (given: string | undefined) => Promise<string>;
  readonly clock: Clock;
  readonly productVersion: string;
  readonly headers: () => HttpHeaders;
}

export type DaemonHandler = (context: DaemonContext, request: DockerRequest) => Promise<HttpReply>;

export type DaemonRoute = Route<DaemonHandler>;

/** Passes a request on to the container engine at a version that it speaks. */
export async function toEngine(
  context: DaemonContext,
  from: {
    readonly request: DockerRequest;
    /** Without version; as the client sent it, still encoded. */
    readonly path: string;
    readonly query?: URLSearchParams;
    readonly body?: Uint8Array;
  },
): Promise<HttpForward> {
  const { request, path, body } = from;
  const { engine } = context;
  const query = (from.query ?? request.http.query).toString();
  const target = await engine.target(request.version, {
    path,
    query,
    signal: request.http.signal,
  });
  const replyHeaders = context.headers();
  return {
    kind: 'forward',
    socketPath: engine.peer.socketPath,
    target,
    replyHeaders,
    unreachable: withHeaders(errorReply(engineAway(engine.peer.socketPath)), replyHeaders),
    ...(body === undefined ? {} : { body }),
  };
}

/**
 * Asks the container engine with another document than the client's, and says what it answers. A
 * client that goes away changes nothing: what the engine does with it has to be known.
 */
export async function askEngine(
  context: DaemonContext,
  from: { readonly request: DockerRequest; readonly path: string; readonly document: object },
): Promise<HttpReply> {
  const { request, path, document } = from;
  const { engine } = context;
  const { signal } = new AbortController();
  const query = request.http.query.toString();
  const target = await engine.target(request.version, { path, query, signal });
  const answer = await engine.peer
    .call({
      method: request.http.method,
      target,
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(document),
      signal,
    })
    .catch((reason: unknown) => {
      const error = TuttiError.from(reason);
      throw error.code === 'unavailable' ? engineAway(engine.peer.socketPath) : error;
    });
  return asSaid(answer);
}

/** The engine's answer as it is, byte for byte. */
export function asSaid({ status, headers, body }: HttpAnswer): HttpReply {
  if (body.length === 0) return { kind: 'whole', status, headers: {} };
  const contentType = headers['content-type'] ?? 'application/json';
  return { kind: 'whole', status, headers: { 'Content-Type': contentType }, body };
}

/**
 * Passes a request on to the manager; both speak the same versions.
 *
 * @throws TuttiError `unavailable` in Swarm's words where this node is a worker.
 */
export function toManager(
  context: DaemonContext,
  from: { readonly request: DockerRequest; readonly body?: Uint8Array },
): HttpForward {
  refuseOnWorker(context.membership);
  const { http } = from.request;
  const query = http.query.toString();
  return {
    kind: 'forward',
    socketPath: context.manager.socketPath,
    target: query === '' ? http.path : `${http.path}?${query}`,
    replyHeaders: {},
    unreachable: withHeaders(errorReply(managerAway()), context.headers()),
    ...(from.body === undefined ? {} : { body: from.body }),
  };
}

export function engineAway(socketPath: string): TuttiError {
  return new TuttiError('unavailable', `the container engine does not answer on ${socketPath}`, {
    hint: 'Start it, or name another socket with --container-engine.',
  });
}

export function managerAway(): TuttiError {
  return new TuttiError('unavailable', 'the manager of this node does not answer', {
    hint: 'It may be starting: try again. If it stays so, the log of `tutti daemon` says why.',
  });
}
