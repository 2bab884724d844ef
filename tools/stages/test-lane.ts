/**
 * Runs test files one after another, of those that are left: lanes beside it, each on a host of its
 * own, take from the same list. A file is its lane's who makes its folder in CLAIMS first. One that
 * does not end is stopped, and the others still run. What the failed ones printed comes last.
 *
 *   node tools/stages/test-lane.ts CLAIMS TIMEOUT_MS FILE…
 */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { runProgram } from '../bootstrap/run.mjs';
import { nodeTestParameters } from './node-tests.ts';

const [claims = '', timeoutMs = '', ...files] = process.argv.slice(2);
/** A test that took too long has failed; in so many times its limit its file's process is gone. */
const fileLimit = 1.2;
const stop = new AbortController();
const failed: string[] = [];
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => stop.abort());
for (const [index, file] of files.entries()) {
  if (stop.signal.aborted) process.exitCode = 1;
  else if (await claim(String(index))) await runFile(file);
}
process.stdout.write(failed.join('\n'));

async function claim(name: string): Promise<boolean> {
  try {
    await mkdir(join(claims, name));
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

async function runFile(file: string): Promise<void> {
  const parameters = nodeTestParameters({ files: [file], timeoutMs: Number(timeoutMs) });
  const { code, output } = await runProgram(process.execPath, parameters, {
    signal: stop.signal,
    limitMs: Number(timeoutMs) * fileLimit,
  });
  if (code === 0) {
    process.stdout.write(output);
    return;
  }
  failed.push(output);
  process.exitCode = 1;
}
