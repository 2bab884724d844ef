/**
 * `npm run bench [-- PAIRS]`: Tutti beside Docker Swarm; writes `bench/results/swarm.md`.
 * `npm run bench -- failover [CUTS]`: how soon tasks of a cut worker run elsewhere.
 * `npm run bench:idle`: what a daemon with the voting app costs while nobody asks it for anything;
 * writes `bench/results/idle.md`.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { repositoryRoot } from '../tools/root.ts';

const [what = '10', count = '20'] = process.argv.slice(2);
const known = ['idle', 'failover'];
if (!known.includes(what) && !/^[1-9]\d{0,2}$/.test(what)) {
  process.stderr.write(
    `bench: expected "idle", "failover" or a number of pairs to 999, found "${what}"\n`,
  );
  process.exit(2);
}
const host = join(repositoryRoot, 'tools/engine/own-host.ts');

/** Runs a program on a host of its own and resolves with its exit code. */
async function onHost(parameters: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, [host, ...parameters], { stdio: 'inherit' });
  const [code] = (await once(child, 'close')) as [number | null];
  return code ?? 1;
}

const prepare = ['--prepare', join(repositoryRoot, 'test/prepare.ts')];
const bench = (file: string) => [process.execPath, join(repositoryRoot, 'bench', file)];

async function run(): Promise<number> {
  if (what === 'idle') return await onHost([...prepare, '--', ...bench('idle.ts')]);
  if (what === 'failover') {
    return await onHost([...prepare, '--', ...bench('failover.ts'), count]);
  }
  // Images stay with the engine's directory; the bench itself has no way out to fetch them.
  const prepared = await onHost([...prepare, '--', 'true']);
  if (prepared !== 0) return prepared;
  return await onHost(['--without-engine', '--', ...bench('pairs.ts'), what]);
}

process.exit(await run());
