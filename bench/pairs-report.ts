import type { Machine } from './machine.ts';
import type { Timings } from './scenarios.ts';

/** One pair: Swarm, Tutti, and the engine alone, one after the other. */
export interface Run {
  readonly swarm: Timings;
  readonly tutti: Timings;
  readonly engine: Timings;
}

const targets: Readonly<Record<string, number>> = {
  'voting stack': 0.8,
  '20 replicas': 0.6,
  'scale 5 → 20': 0.6,
  'killed container replaced': 0.15,
  'service of 20 removed': 0.7,
};

/** The figures as a page: medians, spreads, ratios of medians. */
export function renderReport(measured: {
  readonly machine: Machine;
  readonly runs: readonly Run[];
}): string {
  const { machine, runs } = measured;
  const rows = Object.keys(targets).map((name) => {
    const swarm = spreadOf(runs.map((run) => run.swarm[name] ?? Number.NaN));
    const tutti = spreadOf(runs.map((run) => run.tutti[name] ?? Number.NaN));
    const ratio = tutti.median / swarm.median;
    return `| ${name} | ${show(swarm)} | ${show(tutti)} | ${ratio.toFixed(2)} | ${targets[name]} |`;
  });
  const engine = spreadOf(runs.map((run) => run.engine['20 replicas'] ?? Number.NaN));
  const tutti20 = spreadOf(runs.map((run) => run.tutti['20 replicas'] ?? Number.NaN));
  const swarm20 = spreadOf(runs.map((run) => run.swarm['20 replicas'] ?? Number.NaN));
  const limit = engine.median / swarm20.median;
  return [
    '# Tutti beside Docker Swarm',
    '',
    `${runs.length} pairs in turn on one container engine; ${machine.cores} cores, kernel ${machine.kernel}, commit ${machine.commit}.`,
    'Milliseconds from the first request until the engine itself shows it: median (lowest – highest).',
    '',
    '| what | Swarm | Tutti | ratio | wanted ≤ |',
    '| --- | --- | --- | --- | --- |',
    ...rows,
    '',
    `The engine alone, 20 containers on one network in parallel: ${show(engine)}; Tutti is`,
    `${(tutti20.median / engine.median).toFixed(2)} of that (wanted ≤ 1.2). The engine alone takes ${limit.toFixed(2)} of the time that`,
    `Swarm takes for 20 replicas: ${boundOf(limit)}`,
    '',
    'The stack is the voting app without published ports and virtual addresses, which Swarm cannot',
    'do on this kernel (no IPVS).',
    '',
  ].join('\n');
}

function boundOf(limit: number): string {
  const wanted = targets['20 replicas'] ?? 0;
  return limit > wanted
    ? `nobody who has containers started by it can take ${wanted} of Swarm's time here.`
    : 'it leaves room for what is wanted.';
}

interface Spread {
  readonly median: number;
  readonly lowest: number;
  readonly highest: number;
}

function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((left, right) => left - right);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  const lower = sorted[Math.ceil(sorted.length / 2) - 1] ?? Number.NaN;
  return {
    median: (upper + lower) / 2,
    lowest: sorted[0] ?? Number.NaN,
    highest: sorted.at(-1) ?? Number.NaN,
  };
}

function show({ median, lowest, highest }: Spread): string {
  return `${median.toFixed(0)} (${lowest.toFixed(0)} – ${highest.toFixed(0)})`;
}
