// Plain JavaScript: runs on the Node that the machine has, before anything is installed.
import { spawn } from 'node:child_process';

/**
 * Runs a program to its end and keeps what it wrote.
 *
 * @param {string} program
 * @param {readonly string[]} parameters
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, signal?: AbortSignal,
 *   onOutput?: (text: string) => void }} [options] When the signal aborts, the program is asked to
 *   stop. `onOutput` gets what it writes as it comes.
 * @returns {Promise<{ code: number | null, output: string }>} `code` is null when a signal ended
 *   the program or when it could not be started; `output` then says why.
 */
export function runProgram(program, parameters, options = {}) {
  const { cwd, env, signal: stop, onOutput } = options;
  return new Promise((resolve) => {
    const child = spawn(program, parameters, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    const stopChild = () => child.kill('SIGTERM');
    stop?.addEventListener('abort', stopChild);
    let output = '';
    const keep = (chunk) => {
      output += chunk;
      onOutput?.(chunk);
    };
    child.stdout.setEncoding('utf8').on('data', keep);
    child.stderr.setEncoding('utf8').on('data', keep);
    child.once('error', (error) => resolve({ code: null, output: `${output}${error.message}` }));
    child.once('close', (code, signal) => {
      stop?.removeEventListener('abort', stopChild);
      resolve({ code, output: signal === null ? output : `${output}ended by ${signal}` });
    });
  });
}

/** The last lines of a program's output, for an error message. */
export function lastLines(output, count = 12) {
  return output.trimEnd().split('\n').slice(-count).join('\n');
}
