/**
 * `npm run bench [-- PAIRS]`: Tutti beside Docker Swarm; writes `bench/results/swarm.md`.
 * `npm run bench -- failover [CUTS [worker|leader]]`: how soon tasks of a worker that is cut off
 * run elsewhere, and how soon a write succeeds after the leader is lost; Docker Swarm beside it;
 * writes `bench/results/failover.md` unless only one of the two is asked for.
 * `npm run bench:net`, or `npm run bench -- net PART [COUNT]` for one part: the network beside the
 * same without Tutti, each part with a page of its own (`bench/results/net-*.md`).
 * `npm run bench:idle`: what a daemon with the voting app costs while nobody asks it for anything;
 * writes `bench/results/idle.md`.
 *
 * Tutti is measured as `npm run setup` installs it, from emitted JavaScript.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { runProgram } from '../tools/bootstrap/run.mjs';
import { removeForgottenCgroups } from '../tools/engine/forgotten-cgroups.ts';
import { benchCommands, ensureCommands } from '../tools/engine/machine-packages.ts';
import { repositoryRoot } from '../tools/root.ts';

const [what = '10', count = '20', part, ...more] = process.argv.slice(2);
const isCount = (word: string) => /^[1-9]\d{0,2}$/.test(word);
/** Each a program of its own; whether it takes a container engine. */
const netParts: Readonly<Record<string, { readonly engine: boolean }>> = {
  mesh: { engine: true },
  scale: { engine: false },
  discovery: { engine: true },
  dns: { engine: false },
  encryption: { engine: false },
};
const [netPart, netCount = ''] = process.argv.slice(3);
if (what === 'net') {
  if (netPart !== undefined && netParts[netPart] === undefined) {
    const known = Object.keys(netParts).join(', ');
    refuse(`net: expected one of ${known}, or nothing for all, found "${netPart}"`);
  }
  if (netCount !== '' && !isCount(netCount)) {
    refuse(`net: expected a number from 1 to 999 after the part, found "${netCount}"`);
  }
} else if (what !== 'idle' && what !== 'failover' && !isCount(what)) {
  refuse(`expected "idle", "failover", "net" or a number of pairs to 999, found "${what}"`);
}
if (what === 'failover' && !isCount(count)) {
  refuse(`failover: expected a number of cuts from 1 to 999, found "${count}"`);
}
if (what === 'failover' && part !== undefined && part !== 'worker' && part !== 'leader') {
  refuse(`failover: expected "worker", "leader" or nothing after the number, found "${part}"`);
}
if (what === 'failover' && more.length > 0) {
  refuse(`failover: expected no more than two words, found "${more.join(' ')}" too`);
}

function refuse(message: string): never {
  process.stderr.write(`bench: ${message}\n`);
  process.exit(2);
}

const host = join(repositoryRoot, 'tools/engine/own-host.ts');

/** Runs a program on a host of its own and resolves with its exit code. */
async function onHost(parameters: readonly string[]): Promise<number> {
  // What is killed takes the host with it, and waits for its end where it can.
  const words = ['--pdeathsig', 'TERM', process.execPath, host, ...parameters];
  const child = spawn('setpriv', words, { stdio: 'inherit' });
  process.on('SIGINT', () => undefined);
  for (const name of ['SIGTERM', 'SIGHUP'] as const) process.on(name, () => child.kill(name));
  const [code] = (await once(child, 'close')) as [number | null];
  return code ?? 1;
}

/** What a run that was killed left of its playgrounds goes before the next, and after this one. */
async function failover(parameters: readonly string[]): Promise<number> {
  await removeForgottenCgroups();
  try {
    return await onHost([...prepare, '--', ...bench('failover.ts'), ...parameters]);
  } finally {
    await removeForgottenCgroups();
  }
}

/** One part after the other; the first that fails ends it. */
async function net(): Promise<number> {
  await ensureCommands(benchCommands, 'the bench of the network');
  for (const [part, { engine }] of Object.entries(netParts)) {
    if (netPart !== undefined && part !== netPart) continue;
    const count = netCount === '' ? [] : [netCount];
    const program = ['--', ...bench(`net-${part}.ts`), ...count];
    await removeForgottenCgroups();
    const code = await onHost([...(engine ? prepare : ['--without-engine']), ...program]);
    await removeForgottenCgroups();
    if (code !== 0) return code;
  }
  return 0;
}

const prepare = ['--prepare', join(repositoryRoot, 'test/prepare.ts')];
const bench = (file: string) => [process.execPath, join(repositoryRoot, 'bench', file)];

async function run(): Promise<number> {
  const built = await runProgram(process.execPath, [join(repositoryRoot, 'tools/build.ts')]);
  process.stderr.write(built.output);
  if (built.code !== 0) return 1;
  if (what === 'idle') return await onHost([...prepare, '--', ...bench('idle.ts')]);
  if (what === 'net') return await net();
  if (what === 'failover') {
    return await failover([count, ...(part === undefined ? [] : [part])]);
  }
  // Images stay with the engine's directory; the bench itself has no way out to fetch them.
  const prepared = await onHost([...prepare, '--', 'true']);
  if (prepared !== 0) return prepared;
  return await onHost(['--without-engine', '--', ...bench('pairs.ts'), what]);
}

process.exit(await run());
