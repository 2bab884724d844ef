/**
 * Runs inside a host of its own with an engine that has the images: disasters, each in a
 * playground of its own. Writes what happened as JSON to a file.
 *
 *   node test/disasters/main.ts [--output FILE] [CASE …]
 */
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { keepLogs } from '../cluster/keep-logs.ts';
import type { Case, CaseResult } from './case.ts';
import { expired, expiredForYears } from './expired.ts';
import { lockedOneLeft, lockedPowerOff, lockedRestored } from './locked.ts';
import { oneLeft } from './one-left.ts';
import { powerOff, powerOffWithLoss } from './power.ts';
import { restored, restoredElsewhere, restoredForWorkers } from './restored.ts';
import { DisasterSite } from './site.ts';

const cases: readonly Case[] = [
  powerOff,
  powerOffWithLoss,
  oneLeft,
  restored,
  restoredForWorkers,
  restoredElsewhere,
  expired,
  expiredForYears,
  lockedPowerOff,
  lockedOneLeft,
  lockedRestored,
];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { output: { type: 'string' } },
});
const interrupted = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => interrupted.abort());

const unknown = positionals.find((name) => !cases.some((one) => one.name === name));
if (unknown !== undefined) throw new Error(`there is no case "${unknown}"`);
const chosen = cases.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
const results: CaseResult[] = [];
const failed: string[] = [];
for (const one of chosen) {
  try {
    results.push(await runCase(one));
  } catch (error) {
    say(`${one.name} failed: ${error instanceof Error ? error.stack : String(error)}`);
    failed.push(one.name);
    if (interrupted.signal.aborted) break;
  }
}
if (failed.length > 0) {
  say(`again: npm run prove -- disasters --case ${failed[0]}`);
} else if (values.output !== undefined) await writeFile(values.output, JSON.stringify(results));
// What still waits for an answer of a cluster that is gone would keep this alive.
process.exit(failed.length > 0 ? 1 : 0);

async function runCase(one: Case): Promise<CaseResult> {
  const { name, what } = one;
  say(`${name}: ${what}`);
  await using site = await DisasterSite.up(name, interrupted.signal);
  try {
    say(`${name}: the cluster and its application are there`);
    const returned = await one.run(site);
    const result = { name, what, compared: site.writtenCount, ...returned };
    say(`${name}: ${JSON.stringify(result)}`);
    return result;
  } catch (error) {
    const evidence = join(tmpdir(), `tutti-disaster-${name}`);
    await keepLogs(site.site, evidence);
    say(`${name}: logs are kept in ${evidence}`);
    throw error;
  }
}

function say(line: string): void {
  process.stdout.write(`${new Date().toISOString().slice(11, 23)} ${line}\n`);
}
