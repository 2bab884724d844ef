import { z } from 'zod';
import type { HttpReply, HttpRequest } from '../host/http.ts';
import type { ControlPlane } from '../manager/control-plane.ts';
import { findService } from './explain.ts';
import { parseBody } from './request-body.ts';
import { watchReport } from './watch.ts';

const mostServices = 10_000;

const requestSchema = z.strictObject({
  services: z.array(z.string()).max(mostServices).optional(),
});

/**
 * The services of a request, by name or id; none: all of them.
 *
 * @throws TuttiError as `findService` does, and `invalid-argument` for another body.
 */
export async function readServices(
  controlPlane: ControlPlane,
  request: HttpRequest,
): Promise<readonly string[]> {
  const { services = [] } = parseBody(requestSchema, await request.body());
  return services.map((reference) => findService(controlPlane, reference).id);
}

/** Reports of the rebalance under way after each change of it. */
export function watchRebalance(controlPlane: ControlPlane, signal: AbortSignal): HttpReply {
  return watchReport(controlPlane, {
    signal,
    report: () => controlPlane.rebalance(),
    isChangedBy: ({ table }) => table === 'tasks' || table === 'services',
    isChangedByTask: () => true,
  });
}
