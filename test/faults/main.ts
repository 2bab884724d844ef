/**
 * Runs inside a host of its own, without an engine: episodes of faults, one for each seed. Writes
 * what happened as JSON to a file.
 *
 *   node test/faults/main.ts --archive FILE [--seed N] [--faults N] [--episodes N | --kills N]
 *     [--output FILE]
 *
 * With `--kills` it goes on until each process was killed so often.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { clearMemory, endContainers } from '../../tools/engine/power-failure.ts';
import { type EpisodeResult, runEpisode } from './episode.ts';
import { processes } from './fault-host.ts';

const { values } = parseArgs({
  options: {
    archive: { type: 'string' },
    seed: { type: 'string', default: '1' },
    episodes: { type: 'string', default: '1' },
    faults: { type: 'string', default: '10' },
    kills: { type: 'string' },
    output: { type: 'string' },
  },
});

if (values.archive === undefined) throw new Error('--archive FILE: which images?');
const archive: string = values.archive;
const first = Number(values.seed);
const directory = await mkdtemp(join(tmpdir(), 'tutti-faults-'));
const engineRunDirectory = join('/run', basename(directory));
const results: EpisodeResult[] = [];
const failed: number[] = [];
try {
  for (let seed = first; goesOn(seed); seed += 1) {
    const made = await tryEpisode(seed);
    if (made === undefined) failed.push(seed);
    else results.push(made);
    if (values.output !== undefined) await writeFile(values.output, JSON.stringify(results));
  }
} finally {
  await rm(directory, { recursive: true, force: true });
}
for (const seed of failed) {
  const replay = `npm run prove -- faults --seed ${seed} --episodes 1`;
  process.stdout.write(`seed ${seed} failed; again: ${replay}\n`);
}
process.exitCode = failed.length === 0 ? 0 : 1;

/** Undefined: it failed, and said why. */
async function tryEpisode(seed: number): Promise<EpisodeResult | undefined> {
  try {
    return await runEpisode({
      seed,
      faults: Number(values.faults),
      places: {
        engineDirectory: join(directory, 'engine'),
        engineRunDirectory,
        imageArchive: archive,
      },
      evidence: join(tmpdir(), `tutti-faults-seed-${seed}`),
      report: (line) => void process.stdout.write(`${line}\n`),
    });
  } catch (error) {
    process.stdout.write(`${String(error)}\n`);
    // The next one shall not find what this one left.
    await endContainers(engineRunDirectory);
    await clearMemory([]);
    await rm(join(directory, 'engine'), { recursive: true, force: true });
    await rm('/run/tutti', { recursive: true, force: true }).catch(() => undefined);
    return undefined;
  }
}

function goesOn(seed: number): boolean {
  if (values.kills === undefined) return seed < first + Number(values.episodes);
  const killed = results.flatMap(({ records }) => records.flatMap((record) => record.killed));
  const wanted = Number(values.kills);
  return processes.some((one) => killed.filter((other) => other === one).length < wanted);
}
