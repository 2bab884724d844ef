import { setTimeout as sleep } from 'node:timers/promises';
import { type FailoverSite, image } from './failover-site.ts';

/** What becomes of the manager that leads. */
export const faults = ['killed', 'cut off', 'frozen'] as const;
export type LeaderFault = (typeof faults)[number];

export interface LeaderLoss {
  readonly fault: LeaderFault;
  /** Until a manager that is left acknowledged a write that began after the fault. */
  readonly tookMs: number;
  readonly lost: string;
  readonly acknowledgedBy: string;
  /** Who led then: also who was killed, where something starts it again. */
  readonly ledBy: string;
  /** Whether all managers have that write once they are whole again. */
  readonly isKept: boolean;
}

const limitMs = 120_000;
/** How long a client waits for an answer until it asks again. */
const patienceMs = 1_000;
const pauseMs = 50;
const calmMs = 1_000;
/** Processes in which managers are: of Tutti its own and its etcd's, of Swarm the engine. */
const managerProcesses = ['manager', 'etcd'];
const swarmProcesses = ['engine'];
const prefix = 'probe-';

/** Loses the leader, measures, and repairs. */
export async function loseLeader(
  site: FailoverSite,
  options: { readonly fault: LeaderFault; readonly isSwarm: boolean; readonly number: number },
): Promise<LeaderLoss> {
  const { fault, number } = options;
  await site.untilWhole();
  await sleep(calmMs, undefined, site);
  const lost = await site.leader(site.managers[0] ?? '');
  const left = site.managers.filter((host) => host !== lost);
  const lostAt = performance.now();
  await inflict(site, { ...options, host: lost });
  const ended = new AbortController();
  const give = { ended, prefix: `${prefix}${number}`, giveUpAt: lostAt + limitMs };
  const written = await Promise.any(left.map((host) => writeUntilTaken(site, { ...give, host })));
  const tookMs = written.at - lostAt;
  const ledBy = await site.leader(written.host);
  await site.repair(lost);
  await site.untilWhole();
  const isKept = await hasEverywhere(site, written.name);
  await removeProbes(site);
  return { fault, tookMs, lost, acknowledgedBy: written.host, ledBy, isKept };
}

async function inflict(
  site: FailoverSite,
  what: { readonly host: string; readonly fault: LeaderFault; readonly isSwarm: boolean },
): Promise<void> {
  const { host, fault, isSwarm } = what;
  switch (fault) {
    case 'killed':
      return await site.killProcesses(host, isSwarm ? swarmProcesses : managerProcesses);
    case 'cut off':
      return await site.cutOff(host);
    case 'frozen':
      return await site.change('freeze', host);
  }
}

interface Written {
  readonly name: string;
  readonly host: string;
  readonly at: number;
}

/** Asks one manager for a new service, again and again, until it or another one made one. */
async function writeUntilTaken(
  site: FailoverSite,
  give: {
    readonly host: string;
    readonly prefix: string;
    readonly giveUpAt: number;
    readonly ended: AbortController;
  },
): Promise<Written> {
  const { host, ended } = give;
  const client = site.client(host);
  let said = 'it did not answer';
  for (let attempt = 0; performance.now() < give.giveUpAt; attempt += 1) {
    // One that nobody answered may have been done: each has a name of its own.
    const name = `${give.prefix}-${host}-${attempt}`;
    const signal = AbortSignal.any([ended.signal, AbortSignal.timeout(patienceMs), site.signal]);
    try {
      await client.call({
        method: 'POST',
        path: '/v1.41/services/create',
        body: specOf(name),
        signal,
      });
      const at = performance.now();
      ended.abort();
      return { name, host, at };
    } catch (error) {
      said = error instanceof Error ? error.message : String(error);
      site.signal.throwIfAborted();
      if (ended.signal.aborted) break;
    }
    await sleep(pauseMs, undefined, site);
  }
  throw new Error(`no write through ${host} within ${limitMs} ms: ${said}`);
}

/** Writes a row and starts nothing. */
function specOf(name: string): unknown {
  return {
    Name: name,
    TaskTemplate: { ContainerSpec: { Image: image } },
    Mode: { Replicated: { Replicas: 0 } },
  };
}

async function hasEverywhere(site: FailoverSite, name: string): Promise<boolean> {
  const lists = await Promise.all(site.managers.map((host) => services(site, host)));
  return lists.every((names) => names.includes(name));
}

async function removeProbes(site: FailoverSite): Promise<void> {
  const [host = ''] = site.managers;
  const probes = (await services(site, host)).filter((name) => name.startsWith(prefix));
  for (const name of probes) {
    await site.client(host).call({ method: 'DELETE', path: `/v1.41/services/${name}` });
  }
}

async function services(site: FailoverSite, host: string): Promise<readonly string[]> {
  const list = await site
    .client(host)
    .call<readonly { readonly Spec: { readonly Name: string } }[]>({
      method: 'GET',
      path: '/v1.41/services',
    });
  return list.map(({ Spec }) => Spec.Name);
}
