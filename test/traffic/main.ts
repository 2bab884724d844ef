/**
 * Runs inside a host of its own with an engine that has the images: changes a service under
 * traffic. Writes what was seen as JSON to a file.
 *
 *   node test/traffic/main.ts [--managers N] [--workers N] [--rounds N] [--output FILE]
 */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { runTraffic } from './run.ts';

const { values } = parseArgs({
  options: {
    managers: { type: 'string', default: '3' },
    workers: { type: 'string', default: '2' },
    rounds: { type: 'string', default: '5' },
    output: { type: 'string' },
  },
});
const result = await runTraffic({
  managers: Number(values.managers),
  workers: Number(values.workers),
  rounds: Number(values.rounds),
  report: (line) => void process.stdout.write(`${line}\n`),
});
if (values.output !== undefined) await writeFile(values.output, JSON.stringify(result));
