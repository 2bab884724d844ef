/**
 * Names of Tutti beside dnsmasq: `npm run bench -- net dns [PAIRS]`. The same records on the same
 * machine, over loopback, one after the other in turns. Runs inside a host of its own without an
 * engine.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { askNames, type NameLoad } from './net/dnsperf.ts';
import { medianRatio, spreadOf } from './net/figures.ts';
import {
  address,
  type NameServers,
  records,
  startDnsmasq,
  startTutti,
} from './net/name-servers.ts';
import { say, writePart } from './net/page.ts';
import { run } from './net/run.ts';

const pairs = Number(process.argv[2] ?? 5);
const count = 10_000;
const seconds = 5;
const port = 5_300;
const kinds = ['dnsmasq', 'one process', 'two processes'] as const;
type Kind = (typeof kinds)[number];

interface Turn {
  readonly perSecond: number;
  readonly lost: number;
  /** Of one query, in microseconds. */
  readonly processorMicroseconds: number;
  /** At half of that load. */
  readonly halfLatenciesMs: readonly number[];
  readonly halfLost: number;
}

const all = records(count);

async function start(kind: Kind, directory: string): Promise<NameServers> {
  switch (kind) {
    case 'dnsmasq':
      return await startDnsmasq(all, { directory, port });
    case 'one process':
      return await startTutti(all, { directory, port, processes: 1 });
    case 'two processes':
      return await startTutti(all, { directory, port, processes: 2 });
  }
}

async function turnOf(kind: Kind, directory: string): Promise<Turn> {
  const file = join(directory, 'queries');
  await using servers = await start(kind, directory);
  const ask = async (load: { readonly seconds: number; readonly perSecond?: number }) =>
    await askNames({ address, port: servers.port }, { file, ...load });
  // Every name once, and what is compiled as it runs.
  await ask({ seconds: 2 });
  const before = servers.processorMs();
  const most: NameLoad = await ask({ seconds });
  const usedMs = servers.processorMs() - before;
  const half = await ask({ seconds, perSecond: most.perSecond / 2 });
  return {
    perSecond: most.perSecond,
    lost: most.lost,
    processorMicroseconds: (usedMs * 1_000) / (most.perSecond * seconds),
    halfLatenciesMs: half.latenciesMs,
    halfLost: half.lost,
  };
}

/** In another order each time: who comes later meets a warmer machine. */
function orderOf(round: number): readonly Kind[] {
  const at = round % kinds.length;
  return [...kinds.slice(at), ...kinds.slice(0, at)];
}

async function main(): Promise<void> {
  const directory = await mkdtemp('/run/tutti-names-');
  const turns: Record<Kind, Turn[]> = { dnsmasq: [], 'one process': [], 'two processes': [] };
  try {
    await run('ip', 'link', 'set', 'lo', 'up');
    await writeFile(join(directory, 'queries'), mixed(all.map(([name]) => `${name} A\n`)).join(''));
    for (let round = 0; round < pairs; round += 1) {
      for (const kind of orderOf(round)) {
        const turn = await turnOf(kind, directory);
        turns[kind].push(turn);
        say(`${round + 1} of ${pairs}: ${kind}, ${turn.perSecond.toFixed(0)} queries/s`);
      }
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
  await report(turns);
}

/** Each name once, none beside its neighbour. */
function mixed(lines: readonly string[]): readonly string[] {
  const step = 7_919;
  return lines.map((_, at) => lines[(at * step) % lines.length] ?? '');
}

async function report(turns: Readonly<Record<Kind, readonly Turn[]>>): Promise<void> {
  const median = (of: Kind, figure: (turn: Turn) => number): number =>
    spreadOf(turns[of].map(figure))?.median ?? Number.NaN;
  const ratio = (of: Kind): string => {
    const pair = (turn: Turn, at: number): readonly [number, number] => [
      turn.perSecond,
      turns.dnsmasq[at]?.perSecond ?? Number.NaN,
    ];
    return (medianRatio(turns[of].map(pair)) ?? Number.NaN).toFixed(2);
  };
  const row = (kind: Kind, wanted: string): readonly string[] => {
    const spread = spreadOf(turns[kind].flatMap((turn) => turn.halfLatenciesMs));
    return [
      kind,
      median(kind, ({ perSecond }) => perSecond).toFixed(0),
      kind === 'dnsmasq' ? '' : `${ratio(kind)} (${wanted})`,
      median(kind, ({ processorMicroseconds }) => processorMicroseconds).toFixed(1),
      `${spread?.median.toFixed(2)}, ${spread?.p99.toFixed(2)} (${spread?.count})`,
      String(turns[kind].reduce((sum, { lost, halfLost }) => sum + lost + halfLost, 0)),
    ];
  };
  await writePart({
    name: 'net-dns',
    title: 'Names beside dnsmasq',
    figures: `${count} records, ${pairs} rounds; ${seconds} s each at full and at half load. p99 wanted: ≤ 2 ms.`,
    header: [
      'who answers',
      'queries/s, median',
      'ratio, median of pairs (wanted)',
      'processor time of a query, µs',
      'ms at half of its own most: median, p99 (number)',
      'lost',
    ],
    rows: [row('dnsmasq', ''), row('one process', '≥ 0.4'), row('two processes', '≥ 0.7')],
    notes: [
      'Tutti’s processes are those that answer for a daemon between its end and the next one’s beginning (`tutti take-care`), as `npm run setup` installs them: the code that answers is the same, and shares its port in the same way. Two of them share one port.',
      'The load (`dnsperf`, one thread, 32 sockets, 100 queries in flight) runs on the same machine, and takes its part of the cores: with two of them, two processes and the load share what one process and the load have for themselves.',
      'dnsmasq has the records as hosts in its memory, Tutti as 10,000 services with a virtual address.',
    ],
    samples: Object.fromEntries(
      kinds.map((kind) => [
        kind,
        turns[kind].map(({ halfLatenciesMs, ...turn }) => ({
          ...turn,
          half: spreadOf(halfLatenciesMs),
        })),
      ]),
    ),
  });
}

await main();
