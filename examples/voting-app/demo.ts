/**
 * `npm run demo`: runs the voting app on a Tutti of its own until Ctrl-C, then removes everything
 * that it made. See `--help`.
 */
import { parseArgs } from 'node:util';
import { TuttiError } from '../../src/lib/error.ts';
import { runDemo } from './demo/run-demo.ts';

const help = `npm run demo [-- OPTIONS]

Starts a Tutti daemon of its own, deploys the voting app, says where it is, and waits. Ctrl-C
removes everything again. Needs Linux (Debian or Ubuntu where something has to be installed) and
root. A container engine is used where one answers ($DOCKER_HOST, /var/run/docker.sock), and left
as it was; otherwise one is installed from the distribution's packages, started, and stopped.

  --once             deploy, vote, look at the result, remove everything, and end
  --directory DIR    where data, socket and log go meanwhile; default: /run/tutti-demo
  --help             this text

Exit codes: 0 done, and nothing is left; 1 something failed, or something is left; 2 the command
line is wrong; 130 stopped before the app ran.
`;

/** A second Ctrl-C changes nothing: removing must not be left half done. */
function stopSignal(): AbortSignal {
  const stop = new AbortController();
  const onSignal = () => {
    if (stop.signal.aborted) process.stderr.write('Removing what was made; a moment more.\n');
    stop.abort();
  };
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, onSignal);
  // A terminal that was closed takes no more lines, and what was made must still go.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  return stop.signal;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      once: { type: 'boolean', default: false },
      directory: { type: 'string', default: '/run/tutti-demo' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(help);
    return 0;
  }
  const { once, directory } = values;
  return await runDemo({ once, directory, signal: stopSignal() });
}

try {
  process.exitCode = await main();
} catch (reason) {
  const { message, hint, code } = TuttiError.from(reason);
  process.stderr.write(`tutti: ${message}${hint === undefined ? '' : ` ${hint}`}\n`);
  const isCommandLine = reason instanceof TypeError && 'code' in reason;
  process.exitCode = code === 'cancelled' ? 130 : isCommandLine ? 2 : 1;
}
