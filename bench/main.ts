/** `npm run bench [-- PAIRS]`: Tutti beside Docker Swarm; writes `bench/results/swarm.md`. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { repositoryRoot } from '../tools/root.ts';

const [pairs = '10'] = process.argv.slice(2);
if (!/^[1-9]\d{0,2}$/.test(pairs)) {
  process.stderr.write(`bench: expected a number of pairs from 1 to 999, found "${pairs}"\n`);
  process.exit(2);
}
const host = join(repositoryRoot, 'tools/engine/own-host.ts');

/** Runs a program on a host of its own and resolves with its exit code. */
async function onHost(parameters: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, [host, ...parameters], { stdio: 'inherit' });
  const [code] = (await once(child, 'close')) as [number | null];
  return code ?? 1;
}

// Images stay with the engine's directory; the bench itself has no way out to fetch them.
const prepared = await onHost(['--prepare', join(repositoryRoot, 'test/prepare.ts'), '--', 'true']);
const inside = [process.execPath, join(repositoryRoot, 'bench/pairs.ts'), pairs];
process.exit(prepared === 0 ? await onHost(['--without-engine', '--', ...inside]) : prepared);
