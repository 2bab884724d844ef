import { setTimeout as sleep } from 'node:timers/promises';
import { type FailoverSite, image } from './failover-site.ts';

const name = 'web';
const replicas = 4;
/** From when a service runs everywhere to the cut, so that cuts fall between signs of life. */
const calmMs = 500;
const calmStepMs = 379;
const calmSpanMs = 1_000;

interface ServiceReply {
  readonly Version: { readonly Index: number };
  readonly Spec: { readonly Mode: { readonly Replicated: { readonly Replicas: number } } };
}

/** Makes the service whose tasks are watched, with everything as it is by default. */
export async function createWatched(site: FailoverSite): Promise<void> {
  const [manager = ''] = site.managers;
  await site.client(manager).call({
    method: 'POST',
    path: '/v1.41/services/create',
    body: {
      Name: name,
      TaskTemplate: { ContainerSpec: { Image: image, Args: ['sleep', '1d'], Init: true } },
      Mode: { Replicated: { Replicas: replicas } },
    },
  });
}

/** Milliseconds from when a worker is cut off until each slot of the service runs elsewhere. */
export async function cutWorker(site: FailoverSite, number: number): Promise<number> {
  const cut = site.workers[number % site.workers.length] ?? '';
  await site.untilWhole();
  // What came back has nothing: all begin anew.
  await scale(site, 0);
  await site.until('nothing runs', async () => (await slotsOn(site, site.hosts)).size === 0);
  await scale(site, replicas);
  await site.until('every slot runs, and every host has one', async () => {
    const slots = await Promise.all(site.hosts.map((host) => slotsOn(site, [host])));
    return slots.every(({ size }) => size > 0) && sum(slots) === replicas;
  });
  await sleep(calmMs + ((number * calmStepMs) % calmSpanMs), undefined, site);
  const others = site.hosts.filter((host) => host !== cut);
  const cutAt = performance.now();
  await site.cutOff(cut);
  await site.until('every slot runs elsewhere', async () => {
    return (await slotsOn(site, others)).size === replicas;
  });
  const tookMs = performance.now() - cutAt;
  await site.repair(cut);
  return tookMs;
}

function sum(sets: readonly ReadonlySet<string>[]): number {
  return sets.reduce((count, { size }) => count + size, 0);
}

async function scale(site: FailoverSite, count: number): Promise<void> {
  const client = site.client(site.managers[0] ?? '');
  const path = `/v1.41/services/${name}`;
  const { Version, Spec } = await client.call<ServiceReply>({ method: 'GET', path });
  await client.call({
    method: 'POST',
    path: `${path}/update?version=${Version.Index}`,
    body: { ...Spec, Mode: { Replicated: { Replicas: count } } },
  });
}

/** Slots of the service of which a container runs on one of these hosts, as their engines say. */
async function slotsOn(site: FailoverSite, hosts: readonly string[]): Promise<ReadonlySet<string>> {
  const filters = JSON.stringify({
    label: [`com.docker.swarm.service.name=${name}`],
    status: ['running'],
  });
  const path = `/v1.41/containers/json?filters=${encodeURIComponent(filters)}`;
  const lists = await Promise.all(
    hosts.map((host) =>
      site
        .engine(host)
        .call<readonly { readonly Names: readonly string[] }[]>({ method: 'GET', path }),
    ),
  );
  // `/web.3.<id of the task>`
  const names = lists.flat().flatMap(({ Names }) => Names);
  return new Set(names.map((one) => one.split('.')[1] ?? one));
}
