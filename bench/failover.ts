/**
 * How long after a worker is cut off its tasks run elsewhere, and how long after the leader is lost
 * a write succeeds: Tutti beside Docker Swarm on the same hosts of a playground. Runs inside a host
 * of its own: `npm run bench -- failover [CUTS [worker|leader]]`.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Orchestrator } from '../src/playground/state.ts';
import { repositoryRoot } from '../tools/root.ts';
import { faults, type LeaderLoss, loseLeader } from './failover-leader.ts';
import {
  type Figure,
  type Figures,
  type Measured,
  renderFailover,
  summaryOf,
} from './failover-report.ts';
import { FailoverSite } from './failover-site.ts';
import { createWatched, cutWorker } from './failover-worker.ts';
import { describeMachine } from './machine.ts';

const cuts = Number(process.argv[2] ?? 20);
const [, , , only] = process.argv;
const results = join(repositoryRoot, 'bench/results');
/** Docker Swarm takes five times as long for each. */
const tuttiForEachSwarm = 4;
const counts = { tutti: cuts, swarm: Math.ceil(cuts / tuttiForEachSwarm) } as const;
/** Each cluster is made so often, in turn with the other one. */
const turns = Math.min(2, counts.swarm);
const stopSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

type Part = 'worker' | 'leader';
const hostsOf = {
  worker: { managers: 1, workers: 2 },
  leader: { managers: 3, workers: 0 },
} as const;

interface Turn {
  readonly part: Part;
  readonly orchestrator: Orchestrator;
  /** Numbers of the faults, from 0. */
  readonly numbers: readonly number[];
}

function turnsOf(part: Part): readonly Turn[] {
  const share = (count: number, turn: number): readonly number[] => {
    const [from, to] = [turn, turn + 1].map((edge) => Math.round((count * edge) / turns));
    return Array.from({ length: (to ?? 0) - (from ?? 0) }, (_, index) => index + (from ?? 0));
  };
  return Array.from({ length: turns }, (_, turn) =>
    (['tutti', 'swarm'] as const).map((orchestrator) => {
      return { part, orchestrator, numbers: share(counts[orchestrator], turn) };
    }),
  ).flat();
}

/** One fault after the other on a cluster of its own; the first that fails ends the turn. */
async function take(turn: Turn, signal: AbortSignal): Promise<readonly Figure[]> {
  const { part, orchestrator, numbers } = turn;
  const figures: Figure[] = [];
  try {
    await using site = await makeSite(turn, { signal, figures });
    if (part === 'worker') await createWatched(site);
    for (const number of numbers) {
      const figure = await measure(site, { ...turn, number });
      figures.push(figure);
      say(`${part} ${number + 1} of ${counts[orchestrator]}, ${orchestrator}: ${told(figure)}`);
    }
  } catch (error) {
    signal.throwIfAborted();
    const failed = messageOf(error);
    say(`${part}, ${orchestrator}: ${failed}`);
    const missing = numbers.length - figures.filter(({ what }) => what !== 'failed').length;
    figures.push({ what: 'failed', failed, missing });
  }
  return figures;
}

/** Failover is measured, not the making of clusters: one that failed is made again, and told. */
async function makeSite(
  { part, orchestrator }: Turn,
  { signal, figures }: { readonly signal: AbortSignal; readonly figures: Figure[] },
): Promise<FailoverSite> {
  const plan = { orchestrator, ...hostsOf[part] };
  try {
    return await FailoverSite.up(plan, signal);
  } catch (error) {
    signal.throwIfAborted();
    const failed = messageOf(error);
    say(`${part}, ${orchestrator}: ${failed}; once more`);
    figures.push({ what: 'failed', failed, missing: 0 });
    return await FailoverSite.up(plan, signal);
  }
}

function messageOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(messageOf).join('; ');
  return error instanceof Error ? error.message : String(error);
}

async function measure(
  site: FailoverSite,
  { part, orchestrator, number }: Turn & { readonly number: number },
): Promise<Figure> {
  if (part === 'worker') return { what: 'cut', tookMs: await cutWorker(site, number) };
  const fault = faults[number % faults.length] ?? 'killed';
  const isSwarm = orchestrator === 'swarm';
  return { what: 'loss', ...(await loseLeader(site, { fault, isSwarm, number })) };
}

function told(figure: Figure): string {
  switch (figure.what) {
    case 'cut':
      return `${figure.tookMs.toFixed(0)} ms`;
    case 'loss':
      return toldLoss(figure);
    case 'failed':
      return figure.failed;
  }
}

function toldLoss(loss: LeaderLoss): string {
  const { fault, tookMs, lost, acknowledgedBy, ledBy, isKept } = loss;
  const who = `${lost} ${fault}, ${acknowledgedBy} wrote, ${ledBy} led`;
  return `${tookMs.toFixed(0)} ms (${who}${isKept ? '' : '; THE WRITE IS LOST'})`;
}

async function main(signal: AbortSignal): Promise<number> {
  const parts = (['worker', 'leader'] as const).filter(
    (part) => only === undefined || part === only,
  );
  const measured: Record<Part, Figures> = {
    worker: { tutti: [], swarm: [] },
    leader: { tutti: [], swarm: [] },
  };
  for (const part of parts) {
    for (const turn of turnsOf(part)) {
      const { orchestrator } = turn;
      const before = measured[part];
      const added = await take(turn, signal);
      measured[part] = { ...before, [orchestrator]: [...before[orchestrator], ...added] };
      if (only === undefined) await keep(measured);
    }
  }
  process.stdout.write(renderFailover({ machine: describeMachine(results), ...measured }));
  return summaryOf(measured).isWhole ? 0 : 1;
}

async function keep(measured: Omit<Measured, 'machine'>): Promise<void> {
  await mkdir(results, { recursive: true });
  const all: Measured = { machine: describeMachine(results), ...measured };
  await writeFile(join(results, 'failover.json'), `${JSON.stringify(all, undefined, 2)}\n`);
  await writeFile(join(results, 'failover.md'), renderFailover(all));
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

const stopping = new AbortController();
for (const name of stopSignals) process.on(name, () => stopping.abort());
try {
  process.exitCode = await main(stopping.signal);
} catch (error) {
  if (!stopping.signal.aborted) throw error;
  say('interrupted; what was made is removed');
  process.exitCode = 1;
}
