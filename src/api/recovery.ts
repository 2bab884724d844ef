import type { HttpHandler, HttpReply } from '../host/http.ts';
import type { Recovery } from '../host/recovery.ts';
import { errorReply, json } from './reply.ts';

const path = '/tutti/v1/recovery';

/**
 * `GET`: what a recovery on this manager would begin from; `POST` begins it. Undefined: something
 * else is asked. Answered by the manager that is asked, because there may be no leader.
 */
export function recoveryRoutes(
  recovery: Recovery,
): (...request: Parameters<HttpHandler>) => Promise<HttpReply | undefined> {
  return async (request) => {
    if (request.path !== path) return undefined;
    try {
      if (request.method === 'GET') return json(200, await recovery.outlook());
      if (request.method === 'POST') return json(202, await recovery.begin());
      return undefined;
    } catch (reason) {
      return errorReply(reason);
    }
  };
}
