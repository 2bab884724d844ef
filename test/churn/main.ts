/**
 * Runs inside a host of its own with an engine that has the images: deploys and removes stacks
 * again and again. Writes what was seen as JSON to a file.
 *
 *   node test/churn/main.ts [--deploys N] [--output FILE]
 */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { runChurn } from './run.ts';

const { values } = parseArgs({
  options: { deploys: { type: 'string', default: '1000' }, output: { type: 'string' } },
});
const result = await runChurn({
  deploys: Number(values.deploys),
  report: (line) => void process.stdout.write(`${line}\n`),
});
if (values.output !== undefined) await writeFile(values.output, JSON.stringify(result));
