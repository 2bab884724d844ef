/**
 * How soon a container is found on every node, and how soon one that was killed is found no more;
 * runs inside a host of its own: `npm run bench -- net discovery [TIMES]`.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { TestPlayground } from '../test/fixture/test-playground.ts';
import { show } from './net/figures.ts';
import { containerOf, startIn } from './net/inside.ts';
import { say, writePart } from './net/page.ts';
import { Watchers } from './net/watchers.ts';

const times = Number(process.argv[2] ?? 20);
const manager = 'manager-1';
const workers = 4;
const nodes = workers + 1;
const image = 'tutti-test/busybox:1';
const network = 'bench';
const service = 'found';
const port = 8_090;
const limitMs = 15_000;
/** Between a change and the next, so that nothing of the one before is under way. */
const calmMs = 700;
const watch = join(import.meta.dirname, 'net/watch.ts');

interface Sample {
  /** From when the engine says that the container runs. */
  readonly nameMs: number;
  readonly portMs: number;
  /** From when the engine says that it has died. */
  readonly goneMs: number;
}

async function main(): Promise<void> {
  await using playground = await TestPlayground.up({ name: 'net-found', workers, images: [image] });
  const docker = async (...words: readonly string[]) => await playground.docker(manager, ...words);
  await docker('network', 'create', '--driver=overlay', network);
  const networkId = await docker('network', 'inspect', '--format={{.Id}}', network);
  await create(docker, ['--name=asker', '--mode=global', `--network=${network}`, image, 'obey']);
  const restarts = '--restart-condition=none';
  const published = ['--replicas=0', restarts, `--publish=${port}:80`];
  await create(docker, [`--name=${service}`, ...published, `--network=${network}`, image, 'web']);
  await using watchers = new Watchers();
  await watchAll(playground, { networkId, watchers });
  const samples: Sample[] = [];
  for (let number = 0; number < times; number += 1) {
    await sleep(calmMs);
    const sample = await once(playground, watchers);
    samples.push(sample);
    const { nameMs, portMs, goneMs } = sample;
    const told = [nameMs, portMs, goneMs].map((ms) => ms.toFixed(0)).join(', ');
    say(`${number + 1} of ${times}: name, port, gone after ${told} ms`);
  }
  await report(samples);
}

async function create(
  docker: (...words: readonly string[]) => Promise<string>,
  words: readonly string[],
): Promise<void> {
  const [program = '', ...others] = words.toReversed();
  await docker('service', 'create', '--detach=false', '--quiet', ...others.toReversed(), program);
}

/** The name from a container on each node, the port of each node from outside. */
async function watchAll(
  playground: TestPlayground,
  { networkId, watchers }: { readonly networkId: string; readonly watchers: Watchers },
): Promise<void> {
  const hosts = (await playground.report()).hosts;
  for (const { name: host } of hosts) {
    const asker = await containerOf(playground, { host, service: 'asker', networkId });
    const gateway = asker.address.replace(/\d+$/, '1');
    const command = [process.execPath, watch, 'name', gateway, `tasks.${service}`];
    watchers.add(`name ${host}`, startIn(playground, asker, command));
  }
  const addresses = hosts.map(({ address }) => address);
  const child = spawn(process.execPath, [watch, 'ports', String(port), ...addresses], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  watchers.add('port', child);
  await watchers.all('name', { count: nodes, limitMs, is: (state) => state === '' });
  await watchers.all('port', { count: nodes, limitMs, is: (state) => state === 'closed' });
}

/** One container comes, is killed, and is gone. */
async function once(playground: TestPlayground, watchers: Watchers): Promise<Sample> {
  const docker = async (...words: readonly string[]) => await playground.docker(manager, ...words);
  await docker('service', 'scale', '--detach', `${service}=1`);
  const namedAt = await watchers.all('name', {
    count: nodes,
    limitMs,
    is: (state) => state !== '',
  });
  const openAt = await watchers.all('port', {
    count: nodes,
    limitMs,
    is: (state) => state === 'open',
  });
  const { host, id, startedAt } = await running(playground);
  await sleep(calmMs);
  await playground.engine(host, 'kill', id);
  const goneAt = await watchers.all('name', { count: nodes, limitMs, is: (state) => state === '' });
  const diedAt = await instant(playground, { host, id, what: 'FinishedAt' });
  await docker('service', 'scale', '--detach', `${service}=0`);
  await watchers.all('port', { count: nodes, limitMs, is: (state) => state === 'closed' });
  return { nameMs: namedAt - startedAt, portMs: openAt - startedAt, goneMs: goneAt - diedAt };
}

async function running(playground: TestPlayground) {
  for (const { name: host } of (await playground.report()).hosts) {
    const filter = `label=com.docker.swarm.service.name=${service}`;
    const id = await playground.engine(host, 'ps', '--quiet', '--filter', filter);
    if (id === '') continue;
    return { host, id, startedAt: await instant(playground, { host, id, what: 'StartedAt' }) };
  }
  throw new Error(`${service} runs nowhere`);
}

/**
 * When the engine of a host says that something happened, in ms since the epoch, with fractions.
 */
async function instant(
  playground: TestPlayground,
  of: { readonly host: string; readonly id: string; readonly what: 'StartedAt' | 'FinishedAt' },
): Promise<number> {
  const text = await playground.engine(of.host, 'inspect', `--format={{.State.${of.what}}}`, of.id);
  const [whole = '', fraction = ''] = text.replace('Z', '').split('.');
  return Date.parse(`${whole}Z`) + Number(`0.${fraction}`) * 1_000;
}

async function report(samples: readonly Sample[]): Promise<void> {
  const row = (what: string, values: readonly number[], wanted: string) => [
    what,
    show(values, 0),
    wanted,
  ];
  await writePart({
    name: 'net-discovery',
    title: 'How soon a container is found everywhere',
    figures: 'Milliseconds: median, p99 (number of times).',
    header: ['what', `on all of ${nodes} nodes`, 'wanted'],
    rows: [
      row(
        'it runs: its name has its address',
        samples.map(({ nameMs }) => nameMs),
        'p50 ≤ 150',
      ),
      row(
        'it runs: its port takes connections',
        samples.map(({ portMs }) => portMs),
        'p50 ≤ 150',
      ),
      row(
        'it was killed: its name has its address no more',
        samples.map(({ goneMs }) => goneMs),
        'p50 ≤ 300',
      ),
    ],
    notes: [
      `A manager and ${workers} workers of a playground on one machine. Each figure is the time until the last node.`,
      'From what the engine calls `StartedAt` and `FinishedAt`. Names are asked from a container on each node, ports are called from outside; both every few milliseconds, which counts in.',
      'The program in the container is a small web server: what it takes to listen counts in.',
    ],
    samples,
  });
}

await main();
