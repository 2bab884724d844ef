/** `npm run format [-- PATH …]`: formats code, and wraps the comments that the formatter leaves. */
import { globSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runProgram } from './bootstrap/run.mjs';
import { repositoryRoot } from './root.ts';
import { wrapComments } from './tidy/wrap-comments.ts';

const paths = process.argv.slice(2);
const biome = join(repositoryRoot, 'node_modules/.bin/biome');
const selection = paths.length === 0 ? ['.'] : paths;
const skipped = /(^|\/)(node_modules|fixtures|dist|\.cache)(\/|$)/;

for (const path of selection) {
  const files = statSync(path).isDirectory() ? globSync(`${path}/**/*.{ts,mjs}`) : [path];
  for (const file of files.filter((name) => !skipped.test(name) && /\.(ts|mjs)$/.test(name))) {
    const text = readFileSync(file, 'utf8');
    const wrapped = wrapComments(text);
    if (wrapped !== text) writeFileSync(file, wrapped);
  }
}
const { code, output } = await runProgram(biome, ['format', '--write', ...selection]);
process.stdout.write(output);
process.exitCode = code ?? 1;
