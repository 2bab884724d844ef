/**
 * Bulk TCP between containers on two hosts of an encrypted network, beside a bare WireGuard tunnel
 * between the same hosts; runs inside a host of its own, without a container engine:
 * `npm run bench -- net encryption [PAIRS]`.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { NodeEncryption } from '../src/model/encryption.ts';
import { type SpanHost, startHosts } from '../test/spans/host.ts';
import { viewOf } from '../test/tunnel/view.ts';
import { BareTunnel } from './net/bare-tunnel.ts';
import { medianRatio, show } from './net/figures.ts';
import { say, writePart } from './net/page.ts';
import { Bulk } from './net/bulk.ts';

const pairs = Number(process.argv[2] ?? 10);
const secondsEach = 4;
/** As containers have it on links of 1,500 bytes. */
const packetBytes = 1_390;

interface Pair {
  readonly network: number;
  readonly bare: number;
}

async function main(): Promise<void> {
  const directory = await mkdtemp('/run/tutti-bench-net-');
  const holder = join(import.meta.dirname, '../test/tunnel/holder.ts');
  const hosts = await startHosts({
    mtu: packetBytes,
    holder: (name) => [holder, name, directory],
  });
  try {
    await encrypt(hosts);
    await using bare = await BareTunnel.make(hosts, directory);
    await measure(hosts, bare);
  } finally {
    for (const host of hosts) {
      await host.remove();
      await host[Symbol.asyncDispose]();
    }
    await rm(directory, { recursive: true });
  }
}

/** What hosts say of themselves reaches both. */
async function encrypt(hosts: readonly [SpanHost, SpanHost]): Promise<void> {
  const encryption: Record<string, NodeEncryption> = {};
  for (const host of hosts) {
    encryption[host.name] = JSON.parse(await host.order('describe')) as NodeEncryption;
  }
  const view = JSON.stringify(viewOf({ hosts, isEncrypted: true, encryption }));
  for (const host of hosts) await host.order(`show ${view}`);
}

async function measure(hosts: readonly [SpanHost, SpanHost], bare: BareTunnel): Promise<void> {
  const [one, other] = hosts;
  const seconds = secondsEach;
  await using network = await Bulk.serve(other.inside);
  await using beside = await Bulk.serve(other.name);
  const byNetwork = async () => await network.ask(one.inside, { to: other.container, seconds });
  const byBare = async () => await beside.ask(one.name, { to: bare.address(other), seconds });
  say('once to get warm');
  await byNetwork();
  await byBare();
  const measured: Pair[] = [];
  for (let turn = 0; turn < pairs; turn += 1) {
    if (turn % 2 === 0) measured.push({ network: await byNetwork(), bare: await byBare() });
    else {
      const first = await byBare();
      measured.push({ bare: first, network: await byNetwork() });
    }
    say(`pair ${turn + 1} of ${pairs}`);
  }
  await report(measured, bare.kind);
}

async function report(measured: readonly Pair[], kind: string): Promise<void> {
  const megabits = (of: keyof Pair): string =>
    show(
      measured.map((pair) => pair[of] / 1e6),
      0,
    );
  const ratio = medianRatio(measured.map((pair) => [pair.network, pair.bare]));
  await writePart({
    name: 'net-encryption',
    title: 'Bulk TCP on an encrypted network',
    figures: 'Median, p99 (number of runs); the ratio is the median of pairs.',
    header: ['what', 'encrypted network', 'bare WireGuard', 'ratio', 'wanted'],
    rows: [
      [
        'bulk TCP between containers on two hosts, Mbit/s',
        megabits('network'),
        megabits('bare'),
        ratio?.toFixed(2) ?? '–',
        '≥ 0.9',
      ],
    ],
    notes: [
      `Two network namespaces of one machine, linked by a veth; WireGuard is ${kind} on both sides and in both cases.`,
      `\`iperf3\`, one stream, ${secondsEach} s. The network: from a container's namespace by bridge, VXLAN and tunnel, with packets of ${packetBytes} bytes. Bare: from host to host by a WireGuard device made by hand, with its usual 1,420.`,
    ],
    samples: measured,
  });
}

await main();
