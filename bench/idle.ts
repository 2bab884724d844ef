/**
 * The cost of an idle node: memory and processor time of daemon and manager with the voting app
 * deployed and no client; runs inside a host of its own (`bench/main.ts` makes it).
 */
import { readFileSync } from 'node:fs';
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { daemonProcesses, startDaemon } from '../tools/daemon/start-daemon.ts';
import { showTutti } from '../tools/daemon/run-tutti.ts';
import { repositoryRoot } from '../tools/root.ts';
import { describeMachine } from './machine.ts';

const results = join(repositoryRoot, 'bench/results');
const composeFile = join(repositoryRoot, 'examples/voting-app/compose.yml');
const settleMs = 30_000;
const watchedMs = 60_000;
/** The clock of processor times in `/proc` (proc_pid_stat(5)). */
const tickMs = 10;

/** Of one process. */
interface Cost {
  readonly name: string;
  /** Its proportional share of memory. */
  readonly pssMegabytes: number;
  readonly processorMs: number;
}

async function main(): Promise<void> {
  const engineSocket = process.env['TUTTI_TEST_ENGINE'];
  if (engineSocket === undefined) throw new Error('TUTTI_TEST_ENGINE does not name an engine');
  const directory = await mkdtemp('/run/tutti-idle-');
  const daemon = await startDaemon({ directory, engineSocket });
  try {
    const copy = join(directory, 'compose.yml');
    await copyFile(composeFile, copy);
    await writeFile(join(directory, 'db-password.txt'), 'of a bench\n');
    const code = await showTutti(['stack', 'deploy', '--compose-file', copy, 'idle'], {
      socketPath: daemon.socketPath,
      signal: new AbortController().signal,
    });
    if (code !== 0) throw new Error(`the voting app did not come up (exit code ${code})`);
    say(`settling for ${settleMs / 1_000} s, then looking for ${watchedMs / 1_000} s`);
    await sleep(settleMs);
    const before = costs(directory);
    await sleep(watchedMs);
    await report(before, costs(directory));
  } finally {
    await showTutti(['stack', 'rm', 'idle'], {
      socketPath: daemon.socketPath,
      signal: new AbortController().signal,
    });
    await daemon.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

function costs(directory: string): readonly Cost[] {
  return daemonProcesses(directory).map((pid) => {
    const read = (file: string) => readFileSync(`/proc/${pid}/${file}`, 'utf8');
    const pssKilobytes = Number(/^Pss:\s+(\d+) kB$/m.exec(read('smaps_rollup'))?.[1]);
    // The name of the program stands in brackets and may contain anything.
    const numbers = read('stat').split(') ').at(-1)?.split(' ') ?? [];
    // Own time in user and kernel mode, and that of children that have ended.
    const ticks = numbers.slice(11, 15).reduce((sum, one) => sum + Number(one), 0);
    return {
      name: read('cmdline').split('\0').includes('manager') ? 'manager' : 'daemon',
      pssMegabytes: pssKilobytes / 1024,
      processorMs: ticks * tickMs,
    };
  });
}

async function report(before: readonly Cost[], after: readonly Cost[]): Promise<void> {
  const machine = describeMachine(results);
  const rows = after.map((cost, index) => ({
    process: cost.name,
    pssMegabytes: Number(cost.pssMegabytes.toFixed(1)),
    percentOfCore: (100 * (cost.processorMs - (before[index]?.processorMs ?? 0))) / watchedMs,
  }));
  const total = {
    pssMegabytes: rows.reduce((sum, row) => sum + row.pssMegabytes, 0),
    percentOfCore: rows.reduce((sum, row) => sum + row.percentOfCore, 0),
  };
  const page = [
    '# An idle node',
    '',
    `The voting app is deployed and nobody asks; ${settleMs / 1_000} s to settle, then ${watchedMs / 1_000} s watched.`,
    'Run as `npm run setup` installs it.',
    `${machine.cores} cores, kernel ${machine.kernel}, Node ${machine.node}, commit ${machine.commit}.`,
    '',
    '| process | memory (PSS, MB) | % of a core |',
    '| --- | --- | --- |',
    ...rows.map(
      (row) =>
        `| ${row.process} | ${row.pssMegabytes.toFixed(1)} | ${row.percentOfCore.toFixed(2)} |`,
    ),
    `| together | ${total.pssMegabytes.toFixed(1)} (wanted ≤ 150) | ${total.percentOfCore.toFixed(2)} (wanted ≤ 1) |`,
    '',
  ].join('\n');
  await mkdir(results, { recursive: true });
  await writeFile(join(results, 'idle.json'), `${JSON.stringify({ machine, rows }, null, 2)}\n`);
  await writeFile(join(results, 'idle.md'), page);
  process.stdout.write(page);
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

await main();
