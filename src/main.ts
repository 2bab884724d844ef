import type { DaemonOptions, ProgramHost } from './cli/program-host.ts';
import type { Logger } from './host/logger.ts';
import { TuttiError } from './lib/error.ts';
import type { BackupFiles } from './os/backup-files.ts';
import type { Playgrounds } from './playground/playground.ts';

/** Of Tutti itself; package.json says the same, and a test holds them together. */
const version = '0.1.0';

/** First argument of the process that makes certificates. */
const certificatesRole = 'make-certificates';
/** The same of the process that answers between two daemons. */
const caretakerRole = 'take-care';
/** The same of the process that stops fenced tasks where no daemon does. */
const fenceGuardRole = 'guard-fence';
/** The same of the process that looks at a network other than the daemon's. */
const probeRole = 'probe-network';

async function main(): Promise<void> {
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, () => stop.abort());
  const [role, dataDirectory, third] = process.argv.slice(2);
  try {
    // The manager is started by the daemon alone and loads nothing of the command line.
    if (role === 'manager' && dataDirectory !== undefined) {
      process.exitCode = await runManager(dataDirectory, stop.signal);
    } else if (role === fenceGuardRole && dataDirectory !== undefined && third !== undefined) {
      process.exitCode = await guardFence(dataDirectory, { engineSocket: third });
    } else if (role === certificatesRole) {
      process.exitCode = await makeCertificates();
    } else if (role === probeRole) {
      process.exitCode = await probeNetwork();
    } else if (role === caretakerRole && dataDirectory !== undefined) {
      process.exitCode = await takeCare(dataDirectory, stop.signal);
    } else {
      process.exitCode = await runCommand(stop.signal);
    }
  } catch (reason) {
    const { message, stack, code } = TuttiError.from(reason);
    process.stderr.write(`tutti: ${code === 'internal' ? (stack ?? message) : message}\n`);
    process.exitCode = 1;
  }
  process.exit();
}

async function runCommand(signal: AbortSignal): Promise<number> {
  const { runProgram } = await import('./cli/run-program.ts');
  return await runProgram(process.argv.slice(2), {
    version,
    signal,
    environment: process.env,
    output: await openOutput(),
    runDaemon: (options) => runDaemon(options, signal),
    openPlaygrounds,
    openBackups,
  });
}

async function openBackups(): Promise<BackupFiles> {
  const { BackupFiles } = await import('./os/backup-files.ts');
  const { migrations, schemaVersionOf } = await import('./store/migrations.ts');
  return new BackupFiles({ knownSchemaVersion: schemaVersionOf(migrations) });
}

async function openPlaygrounds(): Promise<Playgrounds> {
  const { LinuxPlaygroundMachine } = await import('./os/playground-machine.ts');
  const { Playgrounds } = await import('./playground/playground.ts');
  return new Playgrounds(new LinuxPlaygroundMachine({ entry: process.argv[1] ?? '' }));
}

async function openOutput(): Promise<ProgramHost['output']> {
  const { choosePaint } = await import('./cli/paint.ts');
  const { stdout, stderr, env } = process;
  // Who reads no further has read enough: `tutti stack ls | head -1`.
  for (const stream of [stdout, stderr]) stream.on('error', () => process.exit());
  return {
    terminal:
      stderr.isTTY && env['TERM'] !== 'dumb'
        ? {
            get columns() {
              return stderr.columns;
            },
            get rows() {
              return stderr.rows;
            },
          }
        : undefined,
    paint: choosePaint(stdout.isTTY, env),
    notePaint: choosePaint(stderr.isTTY, env),
    write: (text) => void stdout.write(text),
    note: (text) => void stderr.write(text),
  };
}

async function openLogger(name: string): Promise<Logger> {
  const { JsonLogger, logLevels } = await import('./os/json-logger.ts');
  const wanted = process.env['TUTTI_LOG_LEVEL'];
  return new JsonLogger({ name, level: logLevels.find((level) => level === wanted) ?? 'info' });
}

/** A child of the manager or daemon, for as long as there are certificates to make. */
async function makeCertificates(): Promise<number> {
  const { serveCertificates } = await import('./os/certificates-child.ts');
  await serveCertificates(process.stdin, process.stdout);
  return 0;
}

/** A child of the daemon, while somebody looks at the network. */
async function probeNetwork(): Promise<number> {
  const { serveProbes } = await import('./os/probe-child.ts');
  await serveProbes(process.stdin, process.stdout);
  return 0;
}

/** A child of a daemon that ends; its socket is named instead of the data directory. */
async function takeCare(socketPath: string, signal: AbortSignal): Promise<number> {
  const { takeCare } = await import('./caretaker.ts');
  await takeCare({ socketPath, logger: await openLogger('caretaker'), signal });
  return 0;
}

/** A signal is no reason to leave tasks unguarded: it ends by itself. */
async function guardFence(
  socketPath: string,
  { engineSocket }: { readonly engineSocket: string },
): Promise<number> {
  const { runFenceGuard } = await import('./serve-fence-guard.ts');
  const logger = await openLogger('fence-guard');
  const { signal } = new AbortController();
  await runFenceGuard({ socketPath, engineSocket, logger, signal });
  return 0;
}

async function runManager(dataDirectory: string, signal: AbortSignal): Promise<number> {
  const { serveManager } = await import('./serve-manager.ts');
  const logger = await openLogger('manager');
  const certificatesCommand = commandFor(certificatesRole);
  await serveManager({ dataDirectory, version, certificatesCommand, logger, signal });
  return 0;
}

/** This program once more, in another role. */
function commandFor(role: string): readonly [string, ...string[]] {
  return [process.execPath, ...process.execArgv, process.argv[1] ?? '', role];
}

async function runDaemon(options: DaemonOptions, signal: AbortSignal): Promise<number> {
  const { startDaemon } = await import('./daemon.ts');
  const logger = await openLogger('daemon');
  // A log that nobody reads any more is no reason to leave the containers alone.
  for (const stream of [process.stdout, process.stderr]) {
    stream.removeAllListeners('error').on('error', () => undefined);
  }
  const entry = process.argv[1] ?? '';
  const certificatesCommand = commandFor(certificatesRole);
  const caretakerCommand = commandFor(caretakerRole);
  const guardCommand = commandFor(fenceGuardRole);
  const probeCommand = commandFor(probeRole);
  const commands = { certificatesCommand, caretakerCommand, guardCommand, probeCommand };
  await startDaemon({ ...options, ...commands, version, entry, logger, signal });
  return 0;
}

await main();
