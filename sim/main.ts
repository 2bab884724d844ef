import { argv, exit, stdout } from 'node:process';
import { parseArgs } from 'node:util';
import { type Outcome, runSeed } from './scenario.ts';

/** `--seeds N` runs seeds 1 … N; `--seed N` replays one and says what happens. */
const { values } = parseArgs({
  args: argv.slice(2),
  options: {
    seeds: { type: 'string', default: '200' },
    seed: { type: 'string' },
    verbose: { type: 'boolean', default: false },
  },
});

function say(line: string): void {
  stdout.write(`${line}\n`);
}

async function replay(seed: number): Promise<boolean> {
  const tell = (line: string): void => {
    if (values.verbose || !line.startsWith('>')) say(line);
  };
  const outcome = await runSeed(seed, { tell });
  show(outcome);
  say(`seed ${seed}: ${outcome.violations.length} violations, ${describe([outcome])}`);
  return outcome.violations.length === 0;
}

async function runAll(count: number): Promise<boolean> {
  const outcomes: Outcome[] = [];
  for (let seed = 1; seed <= count; seed += 1) outcomes.push(await runSeed(seed));
  const failed = outcomes.filter(({ violations }) => violations.length > 0);
  for (const outcome of failed) {
    say(`seed ${outcome.seed} failed; replay it: node sim/main.ts --seed ${outcome.seed}`);
    show(outcome);
  }
  say(`simulation: ${count - failed.length} of ${count} seeds passed, ${describe(outcomes)}`);
  return failed.length === 0;
}

function show({ violations }: Outcome): void {
  const most = 5;
  for (const { check, message } of violations.slice(0, most))
    say(`  ${check}: ${message.split('\n', 3).join(' ')}`);
  if (violations.length > most) say(`  and ${violations.length - most} more`);
}

function describe(outcomes: readonly Outcome[]): string {
  const sum = (pick: (outcome: Outcome) => number): number =>
    outcomes.reduce((total, outcome) => total + pick(outcome), 0);
  const minutes = (sum(({ virtualMs }) => virtualMs) / 60_000).toFixed(0);
  return [
    `${sum(({ writes }) => writes)} writes acknowledged`,
    `${sum(({ faults }) => faults)} faults`,
    `${sum(({ containers }) => containers)} containers`,
    `${sum(({ commits }) => commits)} commits`,
    `${minutes} minutes of virtual time`,
  ].join(', ');
}

function toCount(text: string): number {
  const count = Number(text);
  if (Number.isSafeInteger(count) && count > 0) return count;
  say(`"${text}" is no number of seeds: give a whole number above 0`);
  exit(2);
}

const passed =
  values.seed === undefined
    ? await runAll(toCount(values.seeds))
    : await replay(toCount(values.seed));
exit(passed ? 0 : 1);
