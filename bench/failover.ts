/**
 * How long after a worker is cut off its tasks run elsewhere. Runs inside a host of its own: `npm
 * run bench -- failover CUTS`. Swarm cannot be asked on the same hosts yet: it refuses engines with
 * `live-restore`, which those of playgrounds have.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { requestEngine } from '../tools/engine/engine-request.ts';
import { TestPlayground } from '../test/fixture/test-playground.ts';

const cuts = Number(process.argv[2] ?? 20);
const replicas = 4;
const image = 'tutti-test/busybox:1';
const manager = 'manager-1';
const workers = ['worker-1', 'worker-2'] as const;
const hosts = [manager, ...workers];
const pollMs = 20;
const limitMs = 120_000;

/** Slots of the service of which a container runs on one of the hosts. */
async function slotsOn(site: TestPlayground, names: readonly string[]): Promise<number> {
  const filters = JSON.stringify({
    label: ['com.docker.swarm.service.name=web'],
    status: ['running'],
  });
  const path = `/containers/json?filters=${encodeURIComponent(filters)}`;
  const lists = await Promise.all(
    names.map(async (name) => {
      const { body } = await requestEngine(site.host(name).engineSocket, { path });
      return (JSON.parse(body) as readonly { readonly Names: readonly string[] }[]).flatMap(
        ({ Names }) => Names.map((one) => one.split('.')[1] ?? one),
      );
    }),
  );
  return new Set(lists.flat()).size;
}

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const giveUpAt = Date.now() + limitMs;
  while (!(await isSo())) {
    if (Date.now() > giveUpAt) throw new Error(`not within ${limitMs} ms: ${what}`);
    await sleep(pollMs);
  }
}

/** Milliseconds from each cut to the moment at which every slot runs on the others. */
async function measure(site: TestPlayground): Promise<readonly number[]> {
  const create = `service create --detach --name web --replicas ${replicas} --init ${image} sleep 1d`;
  await site.docker(manager, ...create.split(' '));
  const took: number[] = [];
  for (let number = 0; number < cuts; number += 1) {
    const cut = workers[number % workers.length] ?? workers[0];
    await site.untilReady(hosts.length);
    // What came back has nothing yet.
    await site.docker(manager, 'service', 'update', '--force', '--quiet', 'web');
    await until('every host has a task', async () => {
      const counts = await Promise.all(hosts.map(async (host) => await slotsOn(site, [host])));
      return counts.every((count) => count > 0);
    });
    const others = hosts.filter((host) => host !== cut);
    const cutAt = performance.now();
    await site.partition({ hosts: [cut] });
    await until('every slot runs elsewhere', async () => {
      return (await slotsOn(site, others)) === replicas;
    });
    took.push(Math.round(performance.now() - cutAt));
    process.stdout.write(`cut ${number + 1} of ${cuts}: ${took.at(-1)} ms\n`);
    await site.heal();
  }
  await site.docker(manager, 'service', 'rm', 'web');
  return took;
}

async function run(): Promise<readonly number[]> {
  await using site = await TestPlayground.up({ name: 'failover', workers: workers.length });
  return await measure(site);
}

function summary(took: readonly number[]): string {
  const sorted = took.toSorted((left, right) => left - right);
  return `${sorted[Math.floor(sorted.length / 2)]} ms (p50 of ${sorted.length}), ${sorted.at(-1)} ms (most)`;
}

process.stdout.write(`${summary(await run())}\n`);
