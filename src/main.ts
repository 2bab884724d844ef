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
  const [os, { startManager }, { managerRoutes }, { apiRoutes, apiPrefix }] = await Promise.all([
    loadManagerHost(),
    import('./manager/manager.ts'),
    import('./docker/manager-routes.ts'),
    import('./api/routes.ts'),
  ]);
  const logger = await openLogger('manager');
  const layout = await os.openDataLayout(dataDirectory);
  const clock = new os.SystemClock();
  const random = new os.SystemRandom();
  const engine = os.SqliteEngine.open(layout.storePath);
  await os.writeFile(layout.managerPidPath, `${process.pid}\n`, { mode: 0o600 });
  const manager = await startManager({ engine, clock, random, logger });
  const docker = managerRoutes({
    controlPlane: manager.controlPlane,
    clock,
    random,
    logger,
    productVersion: version,
    resolveAddress: os.resolveAddress,
  });
  const own = apiRoutes(manager.controlPlane);
  const sessions = await os.serveSessions({
    socketPath: layout.managerSessionSocket,
    handler: manager.handler,
    logger,
  });
  const server = await os.HttpServer.listen({
    socketPath: layout.managerApiSocket,
    logger,
    handle: (request) =>
      request.path.startsWith(apiPrefix) ? own(request) : docker.handle(request),
  });
  const closeLife = await os.openLifeSocket(layout.managerLifeSocket);
  await untilAborted(signal);
  await closeLife();
  await server.close();
  docker.close();
  await sessions.close();
  await manager.stop();
  return 0;
}

async function loadManagerHost() {
  const [clock, random, sqlite, sessions, http, layout, life, machine, files] = await Promise.all([
    import('./os/system-clock.ts'),
    import('./os/system-random.ts'),
    import('./os/sqlite-engine.ts'),
    import('./os/session-transport.ts'),
    import('./os/http-server.ts'),
    import('./os/data-layout.ts'),
    import('./os/life-socket.ts'),
    import('./os/machine.ts'),
    import('node:fs/promises'),
  ]);
  return {
    ...clock,
    ...random,
    ...sqlite,
    ...sessions,
    ...http,
    ...layout,
    ...life,
    ...machine,
    writeFile: files.writeFile,
  };
}

async function runDaemon(options: DaemonOptions, signal: AbortSignal): Promise<number> {
  const { startDaemon } = await import('./daemon.ts');
  const logger = await openLogger('daemon');
  await startDaemon({ ...options, version, entry: process.argv[1] ?? '', logger, signal });
  return 0;
}

async function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  signal.addEventListener('abort', () => resolve(), { once: true });
  await promise;
}

await main();
