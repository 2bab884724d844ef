/**
 * Runs inside a host of its own with an engine that has the images: breaks networks and asks the
 * doctor. Writes what it said as JSON to a file.
 *
 *   node test/doctor/main.ts [--output FILE]
 */
import { writeFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { runDoctor } from './run.ts';

const { values } = parseArgs({ options: { output: { type: 'string' } } });
const results = await runDoctor((line) => void process.stdout.write(`${line}\n`));
if (values.output !== undefined) await writeFile(values.output, JSON.stringify(results));
