import type { Orchestrator } from '../src/playground/state.ts';
import { faults, type LeaderFault, type LeaderLoss } from './failover-leader.ts';
import type { Machine } from './machine.ts';

/**
 * What became of one fault; or why faults are missing, none where a cluster was had in the end.
 */
export type Figure =
  | { readonly what: 'cut'; readonly tookMs: number }
  | ({ readonly what: 'loss' } & LeaderLoss)
  | { readonly what: 'failed'; readonly failed: string; readonly missing: number };

export type Figures = Readonly<Record<Orchestrator, readonly Figure[]>>;

export interface Measured {
  readonly machine: Machine;
  readonly worker: Figures;
  readonly leader: Figures;
}

interface Target {
  readonly medianMs: number;
  readonly worstMs?: number;
  readonly ratio: number;
}

const workerTarget: Target = { medianMs: 4_000, ratio: 0.25 };
const leaderTarget: Target = { medianMs: 2_500, worstMs: 4_000, ratio: 0.25 };

/** The figures as a page: medians, the worst, ratios of medians. */
export function renderFailover(measured: Measured): string {
  const { machine, worker, leader } = measured;
  const ofFault = (fault: LeaderFault): Figures => ({
    tutti: leader.tutti.filter((one) => one.what === 'loss' && one.fault === fault),
    swarm: leader.swarm.filter((one) => one.what === 'loss' && one.fault === fault),
  });
  return [
    '# Failover: Tutti beside Docker Swarm',
    '',
    `${machine.cores} cores, kernel ${machine.kernel}, commit ${machine.commit}. Seconds: median, highest (number of faults).`,
    '',
    '| what | Swarm | Tutti | ratio | wanted |',
    '| --- | --- | --- | --- | --- |',
    row('a worker is cut off: all its tasks run elsewhere', worker, workerTarget),
    row('the leader is lost: a write succeeds', leader, leaderTarget),
    ...faults.map((fault) => row(`… ${fault}`, ofFault(fault))),
    '',
    ...problems(measured),
    ...how,
    '',
  ].join('\n');
}

const how = [
  'Both have the same hosts, made by the same playground: a network namespace and a container',
  'engine each (those of Swarm without `live-restore`, which it refuses), and the settings that they',
  'have by default. Three hosts at a time, Tutti and Swarm in turn.',
  '',
  '- *Cut off*: the packet filter of the bridge between the hosts drops everything from and to one of',
  '  them. Time counts from before the filter is changed.',
  '- *Worker*: one manager, two workers, a service of four tasks. It ends when the engines of the other',
  '  hosts run a container for each slot.',
  '- *Leader*: three managers. Killed is SIGKILL to the processes in which its manager is: of Tutti the',
  '  manager and its etcd (the daemon starts them again at once, and they may lead again), of Swarm',
  '  `dockerd` (nobody starts it again). Frozen is SIGSTOP to every process of the host. Through each of',
  '  the other two managers a client asks for a new service, gives up after a second, and asks again',
  '  50 ms later; it ends with the first answer that says that it is made.',
];

/** Whether nothing is missing and no write that was acknowledged was lost. */
export function summaryOf({ worker, leader }: Omit<Measured, 'machine'>): {
  readonly isWhole: boolean;
  readonly failures: readonly string[];
  readonly lostWrites: number;
} {
  const all = [worker, leader].flatMap(({ tutti, swarm }) => [...tutti, ...swarm]);
  const failures = all.flatMap((one) => (one.what === 'failed' ? [describeFailure(one)] : []));
  const lostWrites = all.filter((one) => one.what === 'loss' && !one.isKept).length;
  const isMissing = all.some((one) => one.what === 'failed' && one.missing > 0);
  return { isWhole: !isMissing && lostWrites === 0, failures, lostWrites };
}

function describeFailure({ failed, missing }: Figure & { readonly what: 'failed' }): string {
  return missing === 0
    ? `- A cluster had to be made a second time: ${failed}`
    : `- ${missing} faults are missing: ${failed}`;
}

function problems(measured: Measured): readonly string[] {
  const { failures, lostWrites } = summaryOf(measured);
  const { tutti, swarm } = measured.leader;
  const writes = [...tutti, ...swarm].filter(({ what }) => what === 'loss').length;
  const lost =
    lostWrites === 0
      ? 'Once the leader was back, all three managers had each service that was acknowledged.'
      : `Once the leader was back, ${lostWrites} services that were acknowledged were not there.`;
  return [...failures, ...(writes === 0 ? [] : [`- ${lost}`]), ''];
}

function row(what: string, figures: Figures, target?: Target): string {
  const swarm = spreadOf(figures.swarm);
  const tutti = spreadOf(figures.tutti);
  const ratio =
    swarm === undefined || tutti === undefined ? '–' : (tutti.median / swarm.median).toFixed(2);
  return `| ${what} | ${show(swarm)} | ${show(tutti)} | ${ratio} | ${showTarget(target)} |`;
}

function showTarget(target: Target | undefined): string {
  if (target === undefined) return '';
  const { medianMs, worstMs, ratio } = target;
  const worst = worstMs === undefined ? '' : `, highest ≤ ${seconds(worstMs)}`;
  return `median ≤ ${seconds(medianMs)}${worst}, ratio ≤ ${ratio}`;
}

interface Spread {
  readonly median: number;
  readonly highest: number;
  readonly count: number;
}

function spreadOf(figures: readonly Figure[]): Spread | undefined {
  const sorted = figures
    .flatMap((one) => (one.what === 'failed' ? [] : [one.tookMs]))
    .toSorted((left, right) => left - right);
  const count = sorted.length;
  const [upper, lower] = [sorted[Math.floor(count / 2)], sorted[Math.ceil(count / 2) - 1]];
  const highest = sorted.at(-1);
  if (upper === undefined || lower === undefined || highest === undefined) return undefined;
  return { median: (upper + lower) / 2, highest, count };
}

function show(spread: Spread | undefined): string {
  if (spread === undefined) return 'not measured';
  return `${seconds(spread.median)}, ${seconds(spread.highest)} (${spread.count})`;
}

function seconds(ms: number): string {
  return (ms / 1_000).toFixed(2);
}
