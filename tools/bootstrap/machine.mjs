// Plain JavaScript: runs on the Node that the machine has, before anything is installed.
import { existsSync } from 'node:fs';
import { installPackages } from './apt.mjs';
import { lastLines, runProgram } from './run.mjs';

const oldestMajor = 20;
const architectures = ['x64', 'arm64'];

/** Refuses, with a sentence for people, a machine on which nothing of this can work. */
export function checkMachine() {
  if (Number.parseInt(process.versions.node, 10) < oldestMajor) {
    throw new Error(
      `Node ${process.versions.node} is too old: Node ${oldestMajor} or newer starts the set-up, ` +
        'which brings the Node that Tutti runs on.',
    );
  }
  if (process.platform !== 'linux' || !architectures.includes(process.arch)) {
    throw new Error(
      `Tutti runs on Linux (${architectures.join(', ')}); ` +
        `this is ${process.platform} on ${process.arch}.`,
    );
  }
  if (existsSync('/etc/alpine-release')) {
    throw new Error(
      'Alpine has musl, and the Node that is used here needs glibc: use Debian or Ubuntu.',
    );
  }
}

/**
 * Makes sure that the Node of the npm packages starts, and installs the library that it misses.
 *
 * @param {string} node
 * @throws {Error} with a sentence for people.
 */
export async function ensureNodeStarts(node) {
  if (!existsSync(node)) {
    throw new Error(`${node} is missing. Remove node_modules and try again.`);
  }
  const first = await runProgram(node, ['--version']);
  if (first.code === 0) return;
  if (first.output.includes('libatomic.so.1')) {
    await installPackages(['libatomic1'], 'Node 26');
    const second = await runProgram(node, ['--version']);
    if (second.code === 0) return;
    throw new Error(`${node} does not start:\n${lastLines(second.output)}`);
  }
  throw new Error(`${node} does not start:\n${lastLines(first.output)}`);
}
