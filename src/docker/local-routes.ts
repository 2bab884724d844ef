import type { DaemonRoute } from './daemon-context.ts';
import { toEngine } from './daemon-context.ts';
import { splitVersion } from './api-version.ts';
import { TuttiError } from '../lib/error.ts';

/**
 * What belongs to the machine's own container engine and is passed through unchanged. Whatever is
 * not here is not passed through.
 */
const passedThrough: readonly (readonly [method: string, pattern: string])[] = [
  ['POST', '/containers/prune'],
  ['GET', '/containers/:id/top'],
  ['GET', '/containers/:id/logs'],
  ['GET', '/containers/:id/changes'],
  ['GET', '/containers/:id/stats'],
  ['GET', '/containers/:id/export'],
  ['GET', '/containers/:id/archive'],
  ['PUT', '/containers/:id/archive'],
  ['GET', '/containers/:id/attach/ws'],
  ['POST', '/containers/:id/attach'],
  ['POST', '/containers/:id/exec'],
  ['POST', '/containers/:id/kill'],
  ['POST', '/containers/:id/pause'],
  ['POST', '/containers/:id/rename'],
  ['POST', '/containers/:id/resize'],
  ['POST', '/containers/:id/restart'],
  ['POST', '/containers/:id/start'],
  ['POST', '/containers/:id/stop'],
  ['POST', '/containers/:id/unpause'],
  ['POST', '/containers/:id/update'],
  ['POST', '/containers/:id/wait'],
  ['DELETE', '/containers/:id'],
  ['GET', '/exec/:id/json'],
  ['POST', '/exec/:id/start'],
  ['POST', '/exec/:id/resize'],
  ['POST', '/commit'],
  ['GET', '/images/json'],
  ['GET', '/images/search'],
  ['GET', '/images/get'],
  ['POST', '/images/create'],
  ['POST', '/images/load'],
  ['POST', '/images/prune'],
  ['GET', '/images/*name/get'],
  ['GET', '/images/*name/history'],
  ['GET', '/images/*name/json'],
  ['POST', '/images/*name/push'],
  ['POST', '/images/*name/tag'],
  ['DELETE', '/images/*name'],
  ['POST', '/build'],
  ['POST', '/build/cancel'],
  ['POST', '/build/prune'],
  ['POST', '/grpc'],
  ['POST', '/session'],
  ['GET', '/volumes'],
  ['POST', '/volumes/create'],
  ['GET', '/volumes/:name'],
  ['DELETE', '/volumes/:name'],
  ['GET', '/distribution/*name/json'],
  ['GET', '/plugins'],
  ['GET', '/plugins/privileges'],
  ['GET', '/plugins/*name/json'],
  ['GET', '/system/df'],
  ['POST', '/auth'],
];

/** What Docker has and we do not, with what to say about it. */
const unsupported: readonly (readonly [method: string, pattern: string, what: string])[] = [
  ['GET', '/containers/:id/checkpoints', 'checkpoints of containers are'],
  ['POST', '/containers/:id/checkpoints', 'checkpoints of containers are'],
  ['DELETE', '/containers/:id/checkpoints/:name', 'checkpoints of containers are'],
  ['PUT', '/volumes/:name', 'cluster volumes are'],
  ['POST', '/plugins/pull', 'managing plugins is'],
  ['POST', '/plugins/create', 'managing plugins is'],
  ['POST', '/plugins/*name/enable', 'managing plugins is'],
  ['POST', '/plugins/*name/disable', 'managing plugins is'],
  ['POST', '/plugins/*name/upgrade', 'managing plugins is'],
  ['POST', '/plugins/*name/push', 'managing plugins is'],
  ['POST', '/plugins/*name/set', 'managing plugins is'],
  ['DELETE', '/plugins/*name', 'managing plugins is'],
];

export function localRoutes(): readonly DaemonRoute[] {
  return [
    ...passedThrough.map(
      ([method, pattern]): DaemonRoute => ({
        method,
        pattern,
        handler: (context, request) =>
          toEngine(context, { request, path: splitVersion(request.http.path).path }),
      }),
    ),
    ...unsupported.map(
      ([method, pattern, what]): DaemonRoute => ({
        method,
        pattern,
        handler: async () => {
          throw new TuttiError('unimplemented', `${what} not supported here`, {
            hint: "Ask the node's container engine on its own socket.",
          });
        },
      }),
    ),
  ];
}
