import type { HttpReply } from '../host/http.ts';
import { TuttiError } from '../lib/error.ts';
import { formatApi, splitVersion } from './api-version.ts';
import { attachToCluster } from './attach-container.ts';
import { askEngine, type DaemonContext, type DaemonRoute, toEngine } from './daemon-context.ts';
import { findNewerField } from './newer-fields.ts';
import type { DockerRequest } from './request.ts';

/**
 * A container of the machine's own; looked at first, because not everything in it can be passed on.
 */
export const containerCreateRoute: DaemonRoute = {
  method: 'POST',
  pattern: '/containers/create',
  handler: async (context, request) => {
    const sent = await request.http.body();
    const document = parse(sent);
    const { path } = splitVersion(request.http.path);
    if (document === undefined) return toEngine(context, { request, path, body: sent });
    await refuseNewerFields(context, { request, document });
    const attached = await attachToCluster(context, { document, signal: request.http.signal });
    if (attached === undefined) return toEngine(context, { request, path, body: sent });
    return await createAttached(context, { request, path, attached });
  },
};

/** The engine's answer is waited for: what it refuses needs no place. */
async function createAttached(
  context: DaemonContext,
  from: {
    readonly request: DockerRequest;
    readonly path: string;
    readonly attached: NonNullable<Awaited<ReturnType<typeof attachToCluster>>>;
  },
): Promise<HttpReply> {
  const { request, path, attached } = from;
  try {
    return await askEngine(context, { request, path, document: attached.document });
  } finally {
    void context.attachments.settle(attached.placeIds);
  }
}

/** What is no JSON is the engine's to refuse, in its own words. */
function parse(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(body));
  } catch {
    return undefined;
  }
}

async function refuseNewerFields(
  context: DaemonContext,
  from: { readonly request: DockerRequest; readonly document: unknown },
): Promise<void> {
  const { request, document } = from;
  const spoken = await context.engine.nearestVersion(request.version, request.http.signal);
  const field = findNewerField(document, spoken);
  if (field === undefined) return;
  throw new TuttiError(
    'unimplemented',
    `${field}: the container engine of this node speaks API ${formatApi(spoken)}, ` +
      'which does not know it',
    { field, hint: 'Leave it out, or update the container engine.' },
  );
}
