import type { ApiClient } from '../../src/client/api-client.ts';
import { type ClusterSite, services } from './cluster-site.ts';

export interface NodeReply {
  readonly Description: { readonly Hostname: string };
  readonly Status: { readonly State: string };
  readonly ManagerStatus?: { readonly Leader?: boolean; readonly Reachability?: string };
}

const answerLimitMs = 5_000;

/** The name of the host that leads, as one of these managers says; undefined: none says so. */
export async function findLeader(
  site: Pick<ClusterSite, 'playground'>,
  managers: readonly string[],
): Promise<string | undefined> {
  for (const manager of managers) {
    const nodes = await listNodes(site.playground.client(manager)).catch(() => []);
    const leader = nodes.find(({ ManagerStatus }) => ManagerStatus?.Leader === true);
    if (leader !== undefined) return leader.Description.Hostname;
  }
  return undefined;
}

/** As the manager of this client has them. */
export async function listNodes(client: ApiClient): Promise<readonly NodeReply[]> {
  const signal = AbortSignal.timeout(answerLimitMs);
  return await client.call({ method: 'GET', path: '/v1.41/nodes', signal });
}

/** Who is to be there, and how often each service runs. */
export interface Expected {
  readonly hosts: readonly string[];
  /** Of the hosts. */
  readonly managers: readonly string[];
  readonly services: Readonly<Record<string, number>>;
}

/** The first thing that is not as declared; undefined: nobody would see that there was a fault. */
export async function findDifference(
  site: ClusterSite,
  expected: Expected = everythingOf(site),
): Promise<string | undefined> {
  try {
    return (await checkNodes(site, expected)) ?? (await checkSlots(site, expected));
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function everythingOf(site: ClusterSite): Expected {
  return { hosts: site.hosts.map(({ name }) => name), managers: site.managers, services };
}

/** Every manager says that all nodes are ready, and all managers there. */
async function checkNodes(
  site: ClusterSite,
  { hosts, managers }: Expected,
): Promise<string | undefined> {
  for (const manager of managers) {
    const nodes = await listNodes(site.playground.client(manager));
    for (const name of hosts) {
      const rows = nodes.filter((one) => one.Description.Hostname === name);
      // A machine that joined again has the row of before, too.
      const node = rows.find(({ Status }) => Status.State === 'ready') ?? rows[0];
      if (node?.Status.State !== 'ready') {
        return `${manager} says that ${name} is ${node?.Status.State ?? 'no node'}`;
      }
      if (managers.includes(name) && node.ManagerStatus?.Reachability !== 'reachable') {
        return `${manager} says that ${name} is not reachable as a manager`;
      }
    }
    const leaders = nodes.filter(({ ManagerStatus }) => ManagerStatus?.Leader === true);
    if (leaders.length !== 1) return `${manager} says that ${leaders.length} managers lead`;
  }
  return undefined;
}

/** As the engines have it: each slot runs once, and is healthy where that is asked. */
async function checkSlots(
  site: ClusterSite,
  { hosts, services: wantedOf }: Expected,
): Promise<string | undefined> {
  for (const [service, wanted] of Object.entries(wantedOf)) {
    const lists = await Promise.all(
      hosts.map(async (name) => {
        const containers = await site.containersOf(name, service);
        if (containers === undefined) throw new Error(`the engine of ${name} does not answer`);
        return containers.map((one) => ({ ...one, host: name }));
      }),
    );
    const running = lists.flat().filter(({ State }) => State === 'running');
    const found = running.map((one) => ({ ...one, slot: slotOf(one.Names[0] ?? '') }));
    const said = found
      .map(({ slot, host }) => `${slot} on ${host}`)
      .toSorted()
      .join(', ');
    if (new Set(found.map(({ slot }) => slot)).size < found.length) {
      return `a slot of ${service} has two containers: ${said}`;
    }
    if (found.length !== wanted) return `${found.length} of ${wanted} ${service} run: ${said}`;
    const ill = found.find(({ Status }) => service === 'web' && !Status.includes('(healthy)'));
    if (ill !== undefined) return `${ill.slot} on ${ill.host} is not healthy: ${ill.Status}`;
  }
  return undefined;
}

/** `/web.3.x1y2…` */
function slotOf(name: string): string {
  return name.slice(1).split('.').slice(0, 2).join('.');
}
