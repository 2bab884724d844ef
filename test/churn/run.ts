import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { TestPlayground } from '../fixture/test-playground.ts';
import { differenceOf, type Held, type HostState, readHeld, readHostState } from './host-state.ts';

const image = 'tutti-test/busybox:1';
const manager = 'manager-1';
/** Smaller than what the stacks take in all: an address that is not given back is missed soon. */
const sharedSubnet = '10.123.0.0/27';
const firstPort = 19_000;
const lanes = 5;
const tasksOfStack = 3;
const stepLimitMs = 60_000;
const pollMs = 50;
const quietLimitMs = 180_000;
const quietPollMs = 2_000;
const reportEvery = 50;
const shown = 20;

export interface ChurnPlan {
  readonly deploys: number;
  readonly report: (line: string) => void;
}

export interface ChurnResult {
  readonly deploys: number;
  readonly tookMs: number;
  readonly held: Readonly<Record<string, { readonly before: Held; readonly after: Held }>>;
}

/**
 * Deploys stacks and removes them, several at a time: a network of their own and a small shared
 * one, a config, a secret, a volume, a published port that is called by both nodes.
 *
 * @throws when a stack does not come or go, or when something of them is left.
 */
export async function runChurn({ deploys, report }: ChurnPlan): Promise<ChurnResult> {
  await using site = await TestPlayground.up({ name: 'churn', workers: 1, images: [image] });
  const { hosts } = await site.report();
  const directory = await mkdtemp(join(tmpdir(), 'tutti-churn-'));
  try {
    const subnet = `--subnet=${sharedSubnet}`;
    await site.docker(manager, 'network', 'create', '--driver=overlay', subnet, 'shared');
    for (const { name } of hosts) await forgetSoon(site, name);
    const names = hosts.map(({ name }) => name);
    const addresses = hosts.map(({ address }) => address);
    const churn = { site, directory, addresses, hosts: names };
    // What the first one brings with it stays: the network of published ports, for one.
    await eachLane(async (lane) => await deployAndRemove(churn, { lane, number: 0 }));
    await waitForQuiet(site, names);
    const before = await readAll(site, names);
    const heldBefore = await readAllHeld(site, names);
    report(`${hosts.length} nodes are there; ${deploys} deploys begin`);
    const begunAt = Date.now();
    let done = 0;
    await eachLane(async (lane) => {
      for (let number = lane; number < deploys; number += lanes) {
        await deployAndRemove(churn, { lane, number: number + 1 });
        done += 1;
        if (done % reportEvery === 0) report(`${done} after ${secondsSince(begunAt)} s`);
      }
    });
    const tookMs = Date.now() - begunAt;
    await untilSame(site, { names, before, report });
    const heldAfter = await readAllHeld(site, names);
    const held = Object.fromEntries(
      Object.entries(heldBefore).flatMap(([of, one]) => {
        const after = heldAfter[of];
        return after === undefined ? [] : [[of, { before: one, after }]];
      }),
    );
    return { deploys, tookMs, held };
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** Connections that ended: for 5 s instead of the two minutes that a kernel remembers them. */
async function forgetSoon(site: TestPlayground, host: string): Promise<void> {
  const setting = 'net.netfilter.nf_conntrack_tcp_timeout_time_wait=5';
  const { code, stderr } = await site.enter(host, ['sysctl', '-w', setting]);
  assert.equal(code, 0, stderr);
}

interface Churn {
  readonly site: TestPlayground;
  readonly directory: string;
  /** Their names. */
  readonly hosts: readonly string[];
  readonly addresses: readonly string[];
}

async function eachLane(work: (lane: number) => Promise<void>): Promise<void> {
  await Promise.all(Array.from({ length: lanes }, (_, lane) => work(lane)));
}

async function deployAndRemove(
  { site, directory, addresses, hosts }: Churn,
  { lane, number }: { readonly lane: number; readonly number: number },
): Promise<void> {
  const stack = `churn-${lane}-${number}`;
  const port = firstPort + lane;
  const folder = join(directory, stack);
  await mkdir(folder);
  await writeFile(join(folder, 'stack.yml'), documentOf({ port, number }));
  await writeFile(join(folder, 'note'), `note ${number}`);
  await site.docker(manager, 'stack', 'deploy', '-c', join(folder, 'stack.yml'), stack);
  await until(`${stack} runs`, async () => {
    const tasks = await tasksOf(site, stack);
    return tasks.filter((state) => state === 'running').length === tasksOfStack;
  });
  for (const address of addresses) {
    await until(`${stack} answers by ${address}`, () =>
      answers(`http://${address}:${port}/version`),
    );
  }
  await site.docker(manager, 'stack', 'rm', stack);
  await until(`${stack} is gone`, async () => (await tasksOf(site, stack)).length === 0);
  // A volume outlives its stack.
  for (const name of hosts) {
    await until(`the volume of ${stack} is free`, async () => {
      const volume = await site.engine(
        name,
        'volume',
        'ls',
        '--quiet',
        '--filter',
        `name=${stack}`,
      );
      if (volume === '') return true;
      return await site.engine(name, 'volume', 'rm', volume).then(
        () => true,
        () => false,
      );
    });
  }
  await rm(folder, { recursive: true });
}

/** A node hears of a task that runs a moment later than the manager. */
async function answers(url: string): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(stepLimitMs);
    const response = await fetch(url, { headers: { connection: 'close' }, signal });
    await response.text();
    return response.ok;
  } catch {
    return false;
  }
}

function documentOf({ port, number }: { readonly port: number; readonly number: number }): string {
  return `
services:
  web:
    image: ${image}
    command: web
    ports: ["${port}:80"]
    networks: [own, shared]
    configs: [note]
    secrets: [note]
    deploy: { replicas: 2 }
  peer:
    image: ${image}
    command: obey
    networks: [own]
    volumes: ["kept:/kept"]
    deploy: { endpoint_mode: ${number % 2 === 0 ? 'vip' : 'dnsrr'} }
networks:
  own: { driver: overlay }
  shared: { external: true }
configs: { note: { file: ./note } }
secrets: { note: { file: ./note } }
volumes: { kept: {} }
`;
}

async function tasksOf(site: TestPlayground, stack: string): Promise<readonly string[]> {
  const filters = encodeURIComponent(
    JSON.stringify({ label: [`com.docker.stack.namespace=${stack}`] }),
  );
  const tasks = await site
    .client(manager)
    .call<readonly { readonly Status: { readonly State: string } }[]>({
      method: 'GET',
      path: `/v1.41/tasks?filters=${filters}`,
      signal: AbortSignal.timeout(stepLimitMs),
    });
  return tasks.map(({ Status }) => Status.State);
}

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const giveUpAt = Date.now() + stepLimitMs;
  while (!(await isSo())) {
    if (Date.now() > giveUpAt) throw new Error(`not within ${stepLimitMs} ms: ${what}`);
    await sleep(pollMs);
  }
}

type States = ReadonlyMap<string, HostState>;

async function readAll(site: TestPlayground, names: readonly string[]): Promise<States> {
  const read = names.map(async (name) => [name, await readHostState(site, name)] as const);
  return new Map(await Promise.all(read));
}

async function readAllHeld(
  site: TestPlayground,
  names: readonly string[],
): Promise<Readonly<Record<string, Held>>> {
  const held: Record<string, Held> = {};
  for (const name of names) {
    for (const [part, one] of Object.entries(await readHeld(site, name))) {
      held[`${part} of ${name}`] = one;
    }
  }
  return held;
}

/** Until no connection of a container is remembered. */
async function waitForQuiet(site: TestPlayground, names: readonly string[]): Promise<void> {
  const giveUpAt = Date.now() + quietLimitMs;
  for (;;) {
    const states = await readAll(site, names);
    const connections = [...states.values()].flatMap((state) => state['connections'] ?? []);
    if (connections.length === 0) return;
    if (Date.now() > giveUpAt) throw new Error(`remembered: ${connections.join('\n')}`);
    await sleep(quietPollMs);
  }
}

async function untilSame(
  site: TestPlayground,
  {
    names,
    before,
    report,
  }: { readonly names: readonly string[]; readonly before: States } & Pick<ChurnPlan, 'report'>,
): Promise<void> {
  const giveUpAt = Date.now() + quietLimitMs;
  for (;;) {
    const after = await readAll(site, names);
    const differences = names.flatMap((name) =>
      differenceOf(before.get(name) ?? {}, after.get(name) ?? {}).map((line) => `${name}: ${line}`),
    );
    if (differences.length === 0) return;
    if (Date.now() > giveUpAt) {
      for (const line of differences.slice(0, shown)) report(line);
      throw new Error(`${differences.length} differences are left`);
    }
    await sleep(quietPollMs);
  }
}

function secondsSince(begunAt: number): string {
  return ((Date.now() - begunAt) / 1_000).toFixed(0);
}
