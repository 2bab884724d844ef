import { z } from 'zod';
import { type OwnCertificate, ownCertificatePath } from '../host/authority.ts';
import type { HttpHandler, HttpReply } from '../host/http.ts';
import { errorReply, json } from './reply.ts';
import { parseBody } from './request-body.ts';

const renewal = z.strictObject({ request: z.string() });

/**
 * `POST {request}`: a certificate for this manager's own node. Undefined: something else is asked.
 * Answered by the manager that is asked, because there may be no leader.
 */
export function ownCertificateRoute(
  own: OwnCertificate,
): (...request: Parameters<HttpHandler>) => Promise<HttpReply | undefined> {
  return async (request) => {
    if (request.path !== ownCertificatePath || request.method !== 'POST') return undefined;
    try {
      const { request: text } = parseBody(renewal, await request.body());
      return json(200, await own.renew(text));
    } catch (reason) {
      return errorReply(reason);
    }
  };
}
