/**
 * `npm run setup`: emits JavaScript into `dist/`, which `bin/tutti` prefers while it is the newest.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { lastLines, runProgram } from './bootstrap/run.mjs';
import { repositoryRoot } from './root.ts';

await rm(join(repositoryRoot, 'dist'), { recursive: true, force: true });
const compiler = join(repositoryRoot, 'node_modules/.bin/tsc');
const { code, output } = await runProgram(compiler, [
  '--project',
  join(repositoryRoot, 'tsconfig.build.json'),
]);
if (code === 0) process.stdout.write('bin/tutti is ready\n');
else process.stderr.write(`tsc failed:\n${lastLines(output)}\n`);
process.exitCode = code === 0 ? 0 : 1;
