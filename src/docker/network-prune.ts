import type { HttpReply } from '../host/http.ts';
import { TuttiError } from '../lib/error.ts';
import { backingNetworkLabel } from '../model/labels.ts';
import { formatApi } from './api-version.ts';
import type { DaemonContext } from './daemon-context.ts';
import { readJson } from './engine-api.ts';
import { type Filters, parseFilters } from './filters.ts';
import { isRecord } from './go-json.ts';
import { guestsOn } from './guest-containers.ts';
import { listClusterNetworks, type ShownNetwork } from './network-lookup.ts';
import { jsonReply } from './reply.ts';
import type { DockerRequest } from './request.ts';

const pruneFilters = ['label', 'label!', 'until'] as const;

/**
 * Removes unused networks of both sides. Those that carry a cluster network are in use by
 * definition.
 */
export async function pruneNetworks(
  context: DaemonContext,
  request: DockerRequest,
): Promise<HttpReply> {
  const filters = parseFilters(request.http.query.get('filters'), pruneFilters);
  const local = await pruneLocal(context, { request, filters });
  const ofCluster = await pruneCluster(context, { request, filters });
  return jsonReply({ NetworksDeleted: [...local, ...ofCluster] });
}

interface Prune {
  readonly request: DockerRequest;
  readonly filters: Filters;
}

async function pruneLocal(context: DaemonContext, prune: Prune): Promise<readonly string[]> {
  const { request, filters } = prune;
  const { signal } = request.http;
  const spared = [...(filters.get('label!') ?? []), backingNetworkLabel];
  const asked = JSON.stringify({ ...Object.fromEntries(filters), 'label!': spared });
  const target = await context.engine.target(request.version, {
    path: '/networks/prune',
    query: `filters=${encodeURIComponent(asked)}`,
    signal,
  });
  const answer = await context.engine.peer.call({ method: 'POST', target, signal });
  const said = readJson(answer);
  const deleted = isRecord(said) ? said['NetworksDeleted'] : undefined;
  if (answer.status !== 200) {
    const message = isRecord(said) ? String(said['message']) : `status ${answer.status}`;
    throw new TuttiError(answer.status === 400 ? 'invalid-argument' : 'unavailable', message);
  }
  return Array.isArray(deleted) ? deleted.map(String) : [];
}

async function pruneCluster(context: DaemonContext, prune: Prune): Promise<readonly string[]> {
  const { request, filters } = prune;
  const { signal } = request.http;
  const label = filters.get('label') ?? [];
  const asked = JSON.stringify({ dangling: ['true'], ...(label.length > 0 ? { label } : {}) });
  await context.attachments.untilNoted();
  const unused = await listClusterNetworks(context, {
    version: request.version,
    signal,
    query: `filters=${encodeURIComponent(asked)}`,
  });
  const deleted: string[] = [];
  for (const network of unused) {
    if (isSpared(network, { filters, nowMs: context.clock.now() })) continue;
    const question = { networkId: network.id, version: request.version, signal };
    if ((await guestsOn(context, question)).length > 0) continue;
    const target = `/v${formatApi(request.version)}/networks/${network.id}`;
    const answer = await context.manager.call({ method: 'DELETE', target, signal });
    // Taken into use since it was listed: then it is no longer to be removed.
    if (answer.status === 204) deleted.push(network.name);
  }
  return deleted;
}

function isSpared(
  network: ShownNetwork,
  options: { readonly filters: Filters; readonly nowMs: number },
): boolean {
  const { filters, nowMs } = options;
  const hasLabel = (wanted: string): boolean => {
    const [key = '', ...value] = wanted.split('=');
    if (!Object.hasOwn(network.labels, key)) return false;
    return value.length === 0 || network.labels[key] === value.join('=');
  };
  if ((filters.get('label!') ?? []).some(hasLabel)) return true;
  const until = filters.get('until')?.[0];
  if (until === undefined) return false;
  return Date.parse(String(network.document['Created'])) > parseUntil(until, nowMs);
}

const unitMs: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
};

/** A duration back from now (`24h`, `1h30m`), Unix seconds, or a date. */
function parseUntil(text: string, nowMs: number): number {
  if (/^\d+(?:\.\d+)?$/.test(text)) return Number(text) * 1_000;
  if (/^(?:\d+(?:\.\d+)?(?:ms|s|m|h))+$/.test(text)) {
    let agoMs = 0;
    for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)) {
      agoMs += Number(amount) * (unitMs[unit ?? ''] ?? 0);
    }
    return nowMs - agoMs;
  }
  const atMs = Date.parse(text);
  if (Number.isNaN(atMs)) {
    throw new TuttiError('invalid-argument', `filters.until: no time or duration: ${text}`, {
      field: 'filters.until',
    });
  }
  return atMs;
}
