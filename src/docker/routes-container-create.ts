import { TuttiError } from '../lib/error.ts';
import { formatApi, splitVersion } from './api-version.ts';
import { type DaemonContext, type DaemonRoute, toEngine } from './daemon-context.ts';
import { isRecord } from './go-json.ts';
import { findClusterNetwork } from './network-lookup.ts';
import { findNewerField } from './newer-fields.ts';
import type { DockerRequest } from './request.ts';

/**
 * A container of the machine's own; looked at first, because not everything in it can be passed on.
 */
export const containerCreateRoute: DaemonRoute = {
  method: 'POST',
  pattern: '/containers/create',
  handler: async (context, request) => {
    const body = await request.http.body();
    const document = parse(body);
    if (document !== undefined) {
      await refuseNewerFields(context, { request, document });
      await refuseClusterNetworks(context, { request, document });
    }
    const { path } = splitVersion(request.http.path);
    return toEngine(context, { request, path, body });
  },
};

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

async function refuseClusterNetworks(
  context: DaemonContext,
  from: { readonly request: DockerRequest; readonly document: unknown },
): Promise<void> {
  const { request, document } = from;
  for (const name of networksOf(document)) {
    const network = await findClusterNetwork(context, { name, signal: request.http.signal });
    if (network === undefined) continue;
    throw new TuttiError(
      'unimplemented',
      `HostConfig.NetworkMode: ${name} is a network of the cluster, ` +
        'which only services can use for now',
      { field: 'HostConfig.NetworkMode', hint: 'Create a service on it: "docker service create".' },
    );
  }
}

const engineNetworks = new Set(['', 'default', 'bridge', 'host', 'none', 'nat']);

function networksOf(document: unknown): readonly string[] {
  if (!isRecord(document)) return [];
  const { HostConfig: host, NetworkingConfig: networking } = document;
  const mode = isRecord(host) && typeof host['NetworkMode'] === 'string' ? host['NetworkMode'] : '';
  const endpoints = isRecord(networking) ? networking['EndpointsConfig'] : undefined;
  const names = [mode, ...(isRecord(endpoints) ? Object.keys(endpoints) : [])];
  return [...new Set(names)].filter(
    (name) => !engineNetworks.has(name) && !name.startsWith('container:'),
  );
}
