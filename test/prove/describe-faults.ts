import type { EpisodeResult, FaultRecord } from '../faults/episode.ts';
import { processes } from '../faults/fault-host.ts';
import type { ProofResult } from './proof-report.ts';

/** Counts what was killed, and how long it took until everything was as declared again. */
export function describeFaults(episodes: readonly EpisodeResult[]): ProofResult {
  const faults = episodes.flatMap(({ records }) => records);
  const kills = Object.fromEntries(
    processes.map((process) => [
      process,
      faults.filter((one) => one.killed.includes(process)).length,
    ]),
  );
  const powerFailures = faults.filter(({ power }) => power).length;
  const convergedMs = describeTimes(faults);
  const lostNetworks = faults.filter(({ mended }) => mended === 'network').length;
  const engineLeft = episodes.flatMap((episode) => episode.engineLeft).length;
  const seeds = [...new Set(faults.map(({ seed }) => seed))];
  const byHand =
    lostNetworks === 0
      ? ''
      : `; it was put right by hand ${lostNetworks} times that the engine had lost a network`;
  const killed = processes.map((process) => `${process} ${kills[process]}`).join(', ');
  return {
    summary:
      `${faults.length} faults in ${episodes.length} lives of a stack (kill -9 of ${killed}; ` +
      `${powerFailures} power failures among them): as declared every time, after ` +
      `${seconds(convergedMs.median)} (median; longest ${seconds(convergedMs.longest)}), nothing ` +
      `twice, nothing lost, nothing left by Tutti${byHand}. The engine itself left ` +
      `${engineLeft} links and rules of its own when it was killed`,
    figures: {
      seeds,
      kills,
      powerFailures,
      convergedMs,
      lostNetworks,
      engineLeft,
      runs: faults.map(oneLine),
    },
  };
}

function oneLine(one: FaultRecord): string {
  const what = one.power ? 'power' : one.killed.join('+');
  const mended = one.mended === undefined ? '' : `, ${one.mended} put right by hand`;
  const engine = one.liveRestore ? 'live-restore' : 'plain';
  return `${one.seed}/${one.fault} ${what} (${engine}), ${one.action}: ${seconds(one.convergedMs)}${mended}`;
}

function describeTimes(faults: readonly FaultRecord[]): {
  readonly median: number;
  readonly longest: number;
} {
  const sorted = faults.map((one) => one.convergedMs).toSorted((a, b) => a - b);
  return { median: sorted[sorted.length >> 1] ?? 0, longest: sorted.at(-1) ?? 0 };
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1_000).toFixed(1)} s`;
}
