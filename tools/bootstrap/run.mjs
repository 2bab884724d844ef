// Plain JavaScript: runs on the Node that the machine has, before anything is installed.
import { spawn } from 'node:child_process';

const killAfterMs = 30_000;

/**
 * Runs a program to its end and keeps what it wrote.
 *
 * @param {string} program
 * @param {readonly string[]} parameters
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, signal?: AbortSignal, limitMs?: number,
 *   onOutput?: (text: string) => void }} [options] When the signal aborts, or after `limitMs`
 *   milliseconds, the program is asked to stop; one that does not is killed half a minute later.
 *   `onOutput` gets what it writes as it comes.
 * @returns {Promise<{ code: number | null, output: string }>} `code` is null when a signal ended
 *   the program, when it had reached its limit, or when it could not be started; `output` then says
 *   why.
 */
export function runProgram(program, parameters, options = {}) {
  const { cwd, env, signal: stop, limitMs, onOutput } = options;
  return new Promise((resolve) => {
    const child = spawn(program, parameters, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    const timers = [];
    const stopChild = () => {
      child.kill('SIGTERM');
      timers.push(setTimeout(() => child.kill('SIGKILL'), killAfterMs));
    };
    stop?.addEventListener('abort', stopChild);
    let tookTooLong = false;
    const stopAtLimit = () => {
      tookTooLong = true;
      stopChild();
    };
    if (limitMs !== undefined) timers.push(setTimeout(stopAtLimit, limitMs));
    let output = '';
    const keep = (chunk) => {
      output += chunk;
      onOutput?.(chunk);
    };
    child.stdout.setEncoding('utf8').on('data', keep);
    child.stderr.setEncoding('utf8').on('data', keep);
    const end = (code, reason) => {
      stop?.removeEventListener('abort', stopChild);
      for (const timer of timers) clearTimeout(timer);
      if (!tookTooLong) resolve({ code, output: `${output}${reason}` });
      else resolve({ code: null, output: `${output}\n${program}: no end after ${limitMs} ms` });
    };
    child.once('error', (error) => end(null, error.message));
    child.once('close', (code, signal) => end(code, signal === null ? '' : `ended by ${signal}`));
  });
}

/** The last lines of a program's output, for an error message. */
export function lastLines(output, count = 12) {
  return output.trimEnd().split('\n').slice(-count).join('\n');
}
