import type { HttpHeaders, HttpReply } from '../host/http.ts';
import { TuttiError } from '../lib/error.ts';
import { formatApi, newestApi } from './api-version.ts';
import { sentenceOf, statusOf } from './errors.ts';

/**
 * Whether this node takes part in a cluster, as the header `Swarm` says it (moby api/types/swarm).
 */
export type SwarmHeader =
  | 'inactive'
  | 'pending'
  | 'locked'
  | 'active/worker'
  | 'active/manager'
  | 'error';

/** What every reply carries; the CLI reads version and operating system from any of them. */
export function standardHeaders(productVersion: string, swarm: SwarmHeader): HttpHeaders {
  return {
    'Api-Version': formatApi(newestApi),
    'Docker-Experimental': 'false',
    Ostype: 'linux',
    Server: `Tutti/${productVersion} (linux)`,
    Swarm: swarm,
  };
}

export function jsonReply(value: unknown, status = 200): HttpReply {
  return jsonTextReply(JSON.stringify(value), status);
}

/** Go ends each document with a line break; the CLI's raw output shows it. */
function jsonTextReply(text: string, status = 200): HttpReply {
  return {
    kind: 'whole',
    status,
    headers: { 'Content-Type': 'application/json' },
    body: `${text}\n`,
  };
}

export function emptyReply(status: 200 | 204): HttpReply {
  return { kind: 'whole', status, headers: {} };
}

/**
 * The Content-Type is exact: with a charset behind it the CLI prints the JSON instead of the
 * message.
 */
export function errorReply(reason: unknown): HttpReply {
  const error = TuttiError.from(reason);
  return jsonReply({ message: sentenceOf(error) }, statusOf(error));
}

export function withHeaders(reply: HttpReply, headers: HttpHeaders): HttpReply {
  if (reply.kind === 'forward') {
    return { ...reply, unreachable: withHeaders(reply.unreachable, headers) };
  }
  return { ...reply, headers: { ...headers, ...reply.headers } };
}
