/**
 * What 10,000 services cost a node's network, beside 10: `npm run bench -- net scale [PAIRS]`. Runs
 * inside a host of its own without an engine; each run has a network namespace of its own.
 */
import { join } from 'node:path';
import { medianRatio, show, spreadOf } from './net/figures.ts';
import { say, writePart } from './net/page.ts';
import { run } from './net/run.ts';
import type { ScaleRun } from './net/scale-samples.ts';

const pairs = Number(process.argv[2] ?? 5);
const many = 10_000;
const few = 10;
const changes = 100;
const connections = 2_000;

async function runOf(services: number): Promise<ScaleRun> {
  const program = join(import.meta.dirname, 'net/scale-run.ts');
  const numbers = [services, changes, connections].map(String);
  const output = await run('unshare', '--net', process.execPath, program, ...numbers);
  return JSON.parse(output) as ScaleRun;
}

async function main(): Promise<void> {
  const measured: { readonly many: ScaleRun; readonly few: ScaleRun }[] = [];
  for (let turn = 0; turn < pairs; turn += 1) {
    const first = await runOf(turn % 2 === 0 ? many : few);
    const second = await runOf(turn % 2 === 0 ? few : many);
    const [ofMany, ofFew] = first.services === many ? [first, second] : [second, first];
    measured.push({ many: ofMany, few: ofFew });
    say(`pair ${turn + 1} of ${pairs}: all in ${ofMany.loadMs.toFixed(0)} ms`);
  }
  const median = (samples: readonly number[]): number => spreadOf(samples)?.median ?? Number.NaN;
  const row = (
    what: string,
    samples: (one: ScaleRun) => readonly number[],
    wanted: readonly [digits: number, ratio: string, limit: string],
  ): readonly string[] => {
    const [digits, ratio, limit] = wanted;
    const ratios = measured.map((pair): readonly [number, number] => [
      median(samples(pair.many)),
      median(samples(pair.few)),
    ]);
    return [
      what,
      show(
        measured.flatMap((pair) => samples(pair.many)),
        digits,
      ),
      show(
        measured.flatMap((pair) => samples(pair.few)),
        digits,
      ),
      ratio === '' ? '' : `${medianRatio(ratios)?.toFixed(2) ?? '–'} (${ratio})`,
      limit,
    ];
  };
  await writePart({
    name: 'net-scale',
    title: 'A node that knows 10,000 services',
    figures: 'Milliseconds: median, p99 (number of samples).',
    header: ['what', `${many} services`, `${few} services`, 'ratio, median of pairs', 'wanted'],
    rows: [
      row('all at once, until the kernel has it', ({ loadMs }) => [loadMs], [0, '', '≤ 1,000']),
      row('… and every name has its place', ({ namesMs }) => [namesMs], [0, '', '']),
      row('… processor time of both', ({ loadProcessorMs }) => [loadProcessorMs], [0, '', '']),
      row('one back end leaves or comes back', ({ changeMs }) => changeMs, [1, '', '≤ 30']),
      row('… processor time', ({ changeProcessorMs }) => [changeProcessorMs], [1, '', '']),
      row('a new connection to a virtual address', ({ connectMs }) => connectMs, [
        3,
        'the same',
        '',
      ]),
    ],
    notes: [
      'Services of two back ends with a virtual address on one network, on four other nodes. The node’s own code and programs (`nft`, `ip`, `bridge`), a real kernel; in place of a container engine something that makes the bridge.',
      'Processor time is that of the node’s process and of the programs that it starts; of a change the mean of 100. On a machine that does other things besides it says more than the time that passes.',
      'Rules, virtual addresses, forwarding entries and neighbours; not what the manager and the wire take. Names are answered from the beginning; who asks before they have their places waits for that.',
      'A connection goes from a container by the virtual address to a container on the same node.',
    ],
    samples: measured,
  });
}

await main();
