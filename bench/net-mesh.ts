/**
 * HTTP through published ports and a virtual address, and bulk TCP between nodes, each beside the
 * same way without the mesh; runs inside a host of its own: `npm run bench -- net mesh [PAIRS]`.
 */
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { TestPlayground } from '../test/fixture/test-playground.ts';
import { showTutti } from '../tools/daemon/run-tutti.ts';
import { medianRatio, show } from './net/figures.ts';
import { containerOf, endOf, outputOf, type Placed, startIn } from './net/inside.ts';
import { say, writePart } from './net/page.ts';
import { PlainVxlan } from './net/plain-vxlan.ts';
import { routeByVxlan } from './net/routed-vxlan.ts';
import { run } from './net/run.ts';
import { type Load, readLoad, wrkCommand } from './net/wrk.ts';

const pairs = Number(process.argv[2] ?? 10);
const secondsEach = 4;
const warmSeconds = 2;
const manager = 'manager-1';
const worker = 'worker-1';
const stack = 'bench';
const ports = { near: 8_081, far: 8_082 } as const;

const stackFile = `x-web: &web
  image: tutti-demo/vote:1
  command: [node, /web.mjs]
  configs: [{ source: web, target: /web.mjs }]
  networks: [net]
services:
  near:
    <<: *web
    ports: ["${ports.near}:80"]
    deploy: { placement: { constraints: [node.hostname==${manager}] } }
  far:
    <<: *web
    ports: ["${ports.far}:80"]
    deploy: { placement: { constraints: [node.hostname==${worker}] } }
  client:
    <<: *web
    deploy: { placement: { constraints: [node.hostname==${manager}] } }
networks: { net: {} }
configs: { web: { file: ./web.mjs } }
`;

/** One way through the mesh, and the same without it, right after each other. */
interface Case {
  readonly what: string;
  readonly mesh: () => Promise<Load>;
  readonly straight: () => Promise<Load>;
}

interface Pair {
  readonly mesh: Load;
  readonly straight: Load;
}

interface Bulk {
  readonly overlay: number;
  readonly plain: number;
}

async function main(): Promise<void> {
  const images = ['tutti-demo/vote:1'];
  await using playground = await TestPlayground.up({ name: 'net-mesh', workers: 1, images });
  await deploy(playground);
  const look = ['network', 'inspect', '--format={{.Id}}', `${stack}_net`];
  const networkId = await playground.docker(manager, ...look);
  const find = async (host: string, service: string): Promise<Placed> =>
    await containerOf(playground, { host, service: `${stack}_${service}`, networkId });
  const near = await find(manager, 'near');
  const far = await find(worker, 'far');
  const client = await find(manager, 'client');
  await openStraightWays(playground, { near, far });
  const routed = await routeByVxlan(playground, { first: manager, container: far });
  const cases = casesOf(playground, { near, far, client, routed });
  for (const { mesh, straight } of cases)
    await retried(async () => [await mesh(), await straight()]);
  const measured = new Map<string, Pair[]>(cases.map(({ what }) => [what, []]));
  for (let turn = 0; turn < pairs; turn += 1) {
    for (const one of cases) measured.get(one.what)?.push(await pair(one, turn));
    say(`pair ${turn + 1} of ${pairs}`);
  }
  const bulk = await measureBulk(playground, { far, client });
  await report(measured, bulk);
}

async function deploy(playground: TestPlayground): Promise<void> {
  const directory = await mkdtemp('/run/tutti-bench-net-');
  try {
    const file = join(directory, 'compose.yml');
    await writeFile(file, stackFile);
    await copyFile(join(import.meta.dirname, 'net/web.mjs'), join(directory, 'web.mjs'));
    const socketPath = playground.host(manager).apiSocket;
    const { signal } = new AbortController();
    const words = ['stack', 'deploy', '--compose-file', file, stack];
    const code = await showTutti(words, { socketPath, signal });
    if (code !== 0) throw new Error(`the services did not come up (exit code ${code})`);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/**
 * Makes the containers' own addresses reachable from this machine by way of the manager's host.
 * Answers of the worker's container come back by that host, but not by VXLAN.
 */
async function openStraightWays(
  playground: TestPlayground,
  { near, far }: { readonly near: Placed; readonly far: Placed },
): Promise<void> {
  const { address } = playground.host(manager);
  for (const one of [near, far]) {
    await run('ip', 'route', 'replace', `${one.address}/32`, 'via', address);
    for (const way of ['-s', '-d']) {
      const accept = ['-I', 'DOCKER-USER', way, one.address, '-j', 'ACCEPT'];
      await onHost(playground, manager, ['iptables', '-w', ...accept]);
    }
  }
  // Answers come in by another device than questions go out by, and leave by the same again.
  for (const setting of ['all.rp_filter=2', 'eth0.rp_filter=2', 'all.send_redirects=0']) {
    await onHost(playground, manager, ['sysctl', '-w', `net.ipv4.conf.${setting}`]);
  }
  await onHost(playground, manager, ['sysctl', '-w', 'net.ipv4.conf.eth0.send_redirects=0']);
  const { machineAddress } = await playground.report();
  const back = ['ip', 'route', 'replace', `${machineAddress}/32`, 'via', address];
  await onHost(playground, worker, back);
}

async function onHost(
  playground: TestPlayground,
  host: string,
  command: readonly string[],
): Promise<string> {
  return await outputOf(startIn(playground, { host }, command), command.join(' '));
}

function casesOf(
  playground: TestPlayground,
  {
    near,
    far,
    client,
    routed,
  }: Readonly<Record<'near' | 'far' | 'client', Placed>> & { readonly routed: string },
): readonly Case[] {
  const { address } = playground.host(manager);
  const outside = async (url: string, seconds = secondsEach): Promise<Load> => {
    const [program = '', ...words] = wrkCommand(url, seconds);
    return readLoad(await run(program, ...words));
  };
  const inside = async (url: string): Promise<Load> => {
    const command = wrkCommand(url, secondsEach);
    return readLoad(await outputOf(startIn(playground, client, command), 'wrk'));
  };
  const resolve = async (): Promise<string> => {
    const format = '{{range .Endpoint.VirtualIPs}}{{.Addr}} {{end}}';
    const look = ['service', 'inspect', `--format=${format}`, `${stack}_far`];
    const all = await playground.docker(manager, ...look);
    const network = far.address.split('.').slice(0, 3).join('.');
    const found = all.split(' ').find((one) => one.startsWith(`${network}.`));
    return found?.split('/')[0] ?? '';
  };
  return [
    {
      what: 'published port, task on the same node',
      mesh: () => outside(`http://${address}:${ports.near}/`),
      straight: () => outside(`http://${near.address}/`),
    },
    {
      what: 'published port, task on another node',
      mesh: () => outside(`http://${address}:${ports.far}/`),
      straight: () => outside(`http://${routed}/`),
    },
    {
      what: 'the same, answers without the mesh past VXLAN',
      mesh: () => outside(`http://${address}:${ports.far}/`),
      straight: () => outside(`http://${far.address}/`),
    },
    {
      what: 'virtual address, task on another node',
      mesh: async () => await inside(`http://${await resolve()}/`),
      straight: () => inside(`http://${far.address}/`),
    },
  ];
}

/** A path may need a moment after its services run. */
async function retried(work: () => Promise<unknown>): Promise<void> {
  for (let attempt = 0; ; attempt += 1) {
    try {
      await work();
      return;
    } catch (error) {
      if (attempt === mostRetries) throw error;
      await sleep(warmSeconds * 1_000);
    }
  }
}

const mostRetries = 3;

/** Who goes first changes: what comes second finds a warmer machine. */
async function pair({ mesh, straight }: Case, turn: number): Promise<Pair> {
  if (turn % 2 === 0) return { mesh: await mesh(), straight: await straight() };
  const first = await straight();
  return { straight: first, mesh: await mesh() };
}

/** Bits a second from a container to one on another node, and by a VXLAN device made by hand. */
async function measureBulk(
  playground: TestPlayground,
  { far, client }: { readonly far: Placed; readonly client: Placed },
): Promise<readonly Bulk[]> {
  const hosts = [manager, worker] as const;
  await using plain = await PlainVxlan.make(playground, hosts);
  const server = ['iperf3', '--server'];
  const servers = [startIn(playground, far, server), plain.start(worker, server)];
  const seconds = ['--time', String(secondsEach), '--json'];
  const measure = async (child: ReturnType<typeof startIn>): Promise<number> => {
    const output = JSON.parse(await outputOf(child, 'iperf3')) as {
      readonly end: { readonly sum_received: { readonly bits_per_second: number } };
    };
    return output.end.sum_received.bits_per_second;
  };
  const overlay = async () =>
    await measure(startIn(playground, client, ['iperf3', '--client', far.address, ...seconds]));
  const byHand = async () =>
    await measure(
      plain.start(manager, ['iperf3', '--client', plain.addressOf(worker), ...seconds]),
    );
  const measured: Bulk[] = [];
  try {
    await retried(async () => [await overlay(), await byHand()]);
    for (let turn = 0; turn < pairs; turn += 1) {
      if (turn % 2 === 0) measured.push({ overlay: await overlay(), plain: await byHand() });
      else {
        const first = await byHand();
        measured.push({ plain: first, overlay: await overlay() });
      }
      say(`bulk, pair ${turn + 1} of ${pairs}`);
    }
  } finally {
    for (const one of servers) await endOf(one);
  }
  return measured;
}

async function report(
  measured: ReadonlyMap<string, readonly Pair[]>,
  bulk: readonly Bulk[],
): Promise<void> {
  await writePart({
    name: 'net-mesh',
    title: 'HTTP and bulk TCP through the mesh',
    figures: 'Median, p99 (number of runs) over the runs; the ratio is the median of pairs.',
    header: ['what', 'mesh', 'without it', 'ratio', 'wanted'],
    rows: [...[...measured].flatMap(([what, all]) => rowsOf(what, all)), bulkRow(bulk)],
    notes: [
      `Two hosts of a playground on one machine. \`wrk\`, one thread, 16 connections, ${secondsEach} s; the server is Node's HTTP server in a container.`,
      'Published ports are asked from the machine that the hosts are on, at the manager’s address. Without the mesh: the machine routes an address of the container by the manager’s host, which sends it on by a VXLAN device made by hand, and answers come back by that.',
      'Answers past VXLAN: the container’s own address, by the devices of its network; answers take the same hosts, but are sent as they are, so without the mesh there is one VXLAN less.',
      'The virtual address is asked from a container of the same network; without the mesh it asks the container’s address.',
      `\`iperf3\`, one stream, ${secondsEach} s; without the mesh: a VXLAN device on a bridge made by hand between the same hosts.`,
    ],
    samples: { http: Object.fromEntries(measured), bulk },
  });
}

function rowsOf(what: string, pairs: readonly Pair[]): readonly (readonly string[])[] {
  const row = (of: {
    readonly label: string;
    readonly value: (load: Load) => number;
    readonly digits: number;
    readonly wanted: string;
  }): readonly string[] => {
    const mesh = pairs.map((pair) => of.value(pair.mesh));
    const straight = pairs.map((pair) => of.value(pair.straight));
    const ratios = pairs.map((pair) => [of.value(pair.mesh), of.value(pair.straight)] as const);
    const cells = [show(mesh, of.digits), show(straight, of.digits), ratioOf(ratios), of.wanted];
    return [of.label, ...cells];
  };
  return [
    row({
      label: `${what}: requests a second`,
      value: ({ perSecond }) => perSecond,
      digits: 0,
      wanted: '≥ 0.9',
    }),
    row({ label: '… p50, ms', value: ({ p50Ms }) => p50Ms, digits: 3, wanted: '≤ 1.15' }),
    row({ label: '… p99, ms', value: ({ p99Ms }) => p99Ms, digits: 3, wanted: '' }),
  ];
}

function bulkRow(bulk: readonly Bulk[]): readonly string[] {
  const gigabits = (values: readonly number[]): string =>
    show(
      values.map((value) => value / 1e9),
      2,
    );
  return [
    'bulk TCP between containers on two nodes, Gbit/s',
    gigabits(bulk.map(({ overlay }) => overlay)),
    gigabits(bulk.map(({ plain }) => plain)),
    ratioOf(bulk.map(({ overlay, plain }) => [overlay, plain])),
    '≥ 0.9',
  ];
}

function ratioOf(pairs: readonly (readonly [number, number])[]): string {
  return medianRatio(pairs)?.toFixed(2) ?? '–';
}

await main();
