import { readJson } from './engine-api.ts';
import type { ApiMinor } from './api-version.ts';
import type { DaemonContext } from './daemon-context.ts';
import { isRecord } from './go-json.ts';
import { findBackingNetwork } from './network-lookup.ts';

const taskLabel = 'com.docker.swarm.task.id';

/**
 * Names of the running containers of this node that a person attached to a network of the cluster;
 * the manager knows of tasks alone.
 */
export async function guestsOn(
  context: DaemonContext,
  options: {
    readonly networkId: string;
    readonly version: ApiMinor;
    readonly signal: AbortSignal;
  },
): Promise<readonly string[]> {
  const backing = await findBackingNetwork(context, options);
  if (backing === undefined) return [];
  const filters = JSON.stringify({ network: [backing.id] });
  const query = `filters=${encodeURIComponent(filters)}`;
  const listed = readJson(await context.engine.get('/containers/json', { ...options, query }));
  if (!Array.isArray(listed)) return [];
  return listed.filter(isRecord).filter(isGuest).map(nameOf);
}

function isGuest(container: Readonly<Record<string, unknown>>): boolean {
  const labels = container['Labels'];
  return !isRecord(labels) || !Object.hasOwn(labels, taskLabel);
}

function nameOf(container: Readonly<Record<string, unknown>>): string {
  const names: unknown = container['Names'];
  const first: unknown = Array.isArray(names) ? names[0] : undefined;
  return typeof first === 'string' ? first.replace(/^\//, '') : String(container['Id']);
}
