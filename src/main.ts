import type { DaemonOptions, ProgramHost } from './cli/program.ts';
import type { Logger } from './host/logger.ts';
import { TuttiError } from './lib/error.ts';

/** Of Tutti itself; package.json says the same, and a test holds them together. */
const version = '0.1.0';

const exitCodeOfError: Readonly<Record<string, number>> = {
  'invalid-argument': 2,
  'not-found': 2,
  unavailable: 3,
  cancelled: 130,
};

async function main(): Promise<void> {
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort());
  const [role, dataDirectory] = process.argv.slice(2);
  try {
    // The manager is started by the daemon alone and loads nothing of the command line.
    process.exitCode =
      role === 'manager' && dataDirectory !== undefined
        ? await runManager(dataDirectory, stop.signal)
        : await runCommand(stop.signal);
  } catch (reason) {
    process.exitCode = tellError(reason);
  }
  process.exit();
}

async function runCommand(signal: AbortSignal): Promise<number> {
  const { buildProgram } = await import('./cli/program.ts');
  let exitCode = 0;
  const host: ProgramHost = {
    version,
    signal,
    environment: process.env,
    output: {
      isTerminal: process.stderr.isTTY,
      columns: process.stderr.columns ?? 80,
      write: (text) => void process.stdout.write(text),
      note: (text) => void process.stderr.write(text),
    },
    runDaemon: (options) => runDaemon(options, signal),
    finish: (code) => {
      exitCode = code;
    },
  };
  try {
    await buildProgram(host).parseAsync();
  } catch (error) {
    // commander has told the person already; help and version are no failures.
    if (!isCommanderError(error)) throw error;
    return error.exitCode === 0 ? 0 : 2;
  }
  return exitCode;
}

function isCommanderError(error: unknown): error is { readonly exitCode: number } {
  return error instanceof Error && 'exitCode' in error && typeof error.exitCode === 'number';
}

function tellError(reason: unknown): number {
  const error = TuttiError.from(reason);
  const hint = error.hint === undefined ? '' : `\n${error.hint}`;
  process.stderr.write(
    `tutti: ${error.code === 'internal' ? (error.stack ?? '') : error.message}${hint}\n`,
  );
  return exitCodeOfError[error.code] ?? 1;
}

async function openLogger(name: string): Promise<Logger> {
  const { JsonLogger, logLevels } = await import('./os/json-logger.ts');
  const wanted = process.env['TUTTI_LOG_LEVEL'];
  return new JsonLogger({ name, level: logLevels.find((level) => level === wanted) ?? 'info' });
}

async function runManager(dataDirectory: string, signal: AbortSignal): Promise<number> {
  const { serveManager } = await import('./serve-manager.ts');
  const logger = await openLogger('manager');
  await serveManager({ dataDirectory, version, logger, signal });
  return 0;
}

async function runDaemon(options: DaemonOptions, signal: AbortSignal): Promise<number> {
  const { startDaemon } = await import('./daemon.ts');
  const logger = await openLogger('daemon');
  await startDaemon({ ...options, version, entry: process.argv[1] ?? '', logger, signal });
  return 0;
}

await main();
