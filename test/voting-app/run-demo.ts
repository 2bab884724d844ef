import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { repositoryRoot } from '../../tools/root.ts';

const demo = join(repositoryRoot, 'examples/voting-app/demo.ts');
/** Where the demos of tests keep their data; short, for the path of a socket has a limit. */
export const demoDirectory = '/run/tutti-demo-test';

export interface RunDemo {
  readonly parameters?: readonly string[];
  /** Sends the demo a signal when it says this line. */
  readonly signalAt?: { readonly line: string; readonly signal: NodeJS.Signals };
}

export interface FinishedDemo {
  readonly code: number | null;
  /** What it said to people. */
  readonly output: string;
}

/** Runs the demo to its end. */
export async function runDemo({ parameters = [], signalAt }: RunDemo): Promise<FinishedDemo> {
  const child = spawn(process.execPath, [demo, '--directory', demoDirectory, ...parameters], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const ended = once(child, 'exit');
  let output = '';
  const lines = createInterface(child.stderr);
  lines.on('line', (line) => {
    output += `${line}\n`;
    if (line === signalAt?.line) child.kill(signalAt.signal);
  });
  const [code] = (await ended) as [number | null];
  // A killed one leaves programs behind that still hold the other end.
  child.stderr.destroy();
  return { code, output };
}
