/**
 * Runs inside a host of its own with an engine that has the images: partitions of a cluster, and
 * how soon every name and port is right again. Writes what was seen as JSON to a file.
 *
 *   node test/partitions/main.ts [--managers N] [--workers N] [--seconds 10,30,120]
 *     [--kinds 'a worker,the leader'] [--output FILE]
 */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { kinds, runPartitions } from './run.ts';

const { values } = parseArgs({
  options: {
    managers: { type: 'string', default: '3' },
    workers: { type: 'string', default: '2' },
    seconds: { type: 'string', default: '10,30,120' },
    kinds: { type: 'string', default: kinds.join(',') },
    output: { type: 'string' },
  },
});
const records = await runPartitions({
  managers: Number(values.managers),
  workers: Number(values.workers),
  durationsSeconds: values.seconds.split(',').map(Number),
  kinds: kinds.filter((kind) => values.kinds.split(',').includes(kind)),
  report: (line) => void process.stdout.write(`${line}\n`),
});
if (values.output !== undefined) await writeFile(values.output, JSON.stringify(records));
