// Runs a TypeScript file of this repository, on any machine that has Node 20, npm and git:
//
//   node bootstrap.mjs tools/test.ts [parameters]
//
// Plain JavaScript without dependencies, because it runs before there are any: it installs the npm
// packages of the lock file where they are missing, and starts the file on the Node among them.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureDependencies } from './tools/bootstrap/dependencies.mjs';
import { checkMachine, ensureNodeStarts } from './tools/bootstrap/machine.mjs';

const root = dirname(fileURLToPath(import.meta.url));
const binaries = join(root, 'node_modules/.bin');
// By its path: a shell may remember another `node`.
const node = join(binaries, 'node');
/** Folders with a package.json and a lock file of their own. */
const packages = ['.', 'examples/voting-app'];

async function prepare() {
  checkMachine();
  for (const name of packages) {
    const directory = join(root, name);
    if (!existsSync(join(directory, 'package-lock.json'))) continue;
    await ensureDependencies(directory, name === '.' ? 'Tutti' : name);
  }
  await ensureNodeStarts(node);
}

function start([script, ...parameters]) {
  const options = ['--disable-warning=ExperimentalWarning', join(root, script), ...parameters];
  const env = { ...process.env, PATH: `${binaries}${delimiter}${process.env.PATH ?? ''}` };
  const child = spawn(node, options, { env, stdio: 'inherit' });
  // A terminal sends Ctrl-C to both: the child cleans up, and this process waits for it.
  process.on('SIGINT', () => undefined);
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.once('error', (error) => fail(`${node} did not start: ${error.message}`));
  child.once('exit', (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

function fail(message) {
  process.stderr.write(`tutti: ${message}\n`);
  process.exit(1);
}

const [script, ...parameters] = process.argv.slice(2);
if (script === undefined || !existsSync(join(root, script))) {
  fail(`bootstrap.mjs wants a file of this repository to run; got ${script ?? 'nothing'}.`);
} else {
  prepare().then(
    () => start([script, ...parameters]),
    (error) => fail(error instanceof Error ? error.message : String(error)),
  );
}
