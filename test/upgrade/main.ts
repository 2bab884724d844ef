/**
 * Runs inside a host of its own with an engine that has the images: a cluster under traffic gets
 * the next version, node by node. Writes what was seen as JSON to a file.
 *
 *   node test/upgrade/main.ts [--managers N] [--workers N] [--output FILE]
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { runUpgrade } from './run.ts';

const { values } = parseArgs({
  options: {
    managers: { type: 'string', default: '3' },
    workers: { type: 'string', default: '2' },
    output: { type: 'string' },
  },
});
const directory = await mkdtemp(join(tmpdir(), 'tutti-upgrade-'));
try {
  const result = await runUpgrade({
    directory,
    managers: Number(values.managers),
    workers: Number(values.workers),
    evidence: join(tmpdir(), 'tutti-upgrade-failed'),
    report: (line) => void process.stdout.write(`${line}\n`),
  });
  if (values.output !== undefined) await writeFile(values.output, JSON.stringify(result));
} catch (error) {
  process.stdout.write(`${error instanceof Error ? (error.stack ?? '') : String(error)}\n`);
  process.exitCode = 1;
} finally {
  await rm(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
}
