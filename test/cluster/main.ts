/**
 * Runs inside a host of its own with an engine that has the images: faults of a cluster in a
 * playground. Writes what happened as JSON to a file.
 *
 *   node test/cluster/main.ts [--seed N] [--faults N] [--managers N] [--workers N] [--output FILE]
 */
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { runClusterFaults } from './run.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    faults: { type: 'string', default: '100' },
    managers: { type: 'string', default: '3' },
    workers: { type: 'string', default: '2' },
    output: { type: 'string' },
  },
});

const seed = Number(values.seed);
const interrupted = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => interrupted.abort());
try {
  const result = await runClusterFaults({
    seed,
    faults: Number(values.faults),
    managers: Number(values.managers),
    workers: Number(values.workers),
    longestHoldMs: 9_000,
    oneLostOf: 1_000,
    evidence: join(tmpdir(), `tutti-cluster-seed-${seed}`),
    signal: interrupted.signal,
    report: (line) => void process.stdout.write(`${line}\n`),
  });
  if (values.output !== undefined) await writeFile(values.output, JSON.stringify(result));
} catch (error) {
  process.stdout.write(`${error instanceof Error ? error.message : String(error)}\n`);
  const replay = `npm run prove -- cluster --seed ${seed} --faults ${values.faults}`;
  process.stdout.write(`seed ${seed} failed; again: ${replay}\n`);
  process.exitCode = 1;
}
