import assert from 'node:assert/strict';
import { apiRoutes } from '../src/api/routes.ts';
import type { ControlPlane } from '../src/manager/control-plane.ts';

/** What the API answers to one request. */
export async function askApi(
  control: ControlPlane,
  call: { readonly method: string; readonly path: string; readonly body?: unknown },
): Promise<{ readonly status: number; readonly json: unknown }> {
  const reply = await apiRoutes(control)({
    method: call.method,
    path: `/tutti/v1/${call.path}`,
    query: new URLSearchParams(),
    headers: {},
    signal: new AbortController().signal,
    body: async () => new TextEncoder().encode(JSON.stringify(call.body ?? null)),
  });
  if (reply.kind !== 'whole') return assert.fail(`the reply is a ${reply.kind}`);
  return { status: reply.status, json: JSON.parse(String(reply.body)) };
}
