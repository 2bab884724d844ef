import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, closeSync, constants, openSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, rmdir, writeFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import type { HttpPeer } from '../host/http.ts';
import type {
  ImageTransfer,
  PlaygroundMachine,
  ProgramEnd,
  ProgramRun,
} from '../host/playground-machine.ts';
import { TuttiError } from '../lib/error.ts';
import { UnixSocketPeer } from './http-peer.ts';
import { loadImages, saveImages, statArchive } from './image-archive.ts';
import { childrenOf, hasProcess, listProcesses, namespaceOf } from './machine-processes.ts';
import { takeName } from './name-lock.ts';
import { replaceFile } from './replace-file.ts';
import { SystemClock } from './system-clock.ts';
import { SystemRandom } from './system-random.ts';

const systemDirectories = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const unixScheme = 'unix://';
const defaultEngineSocket = '/var/run/docker.sock';

/** This machine. */
export class LinuxPlaygroundMachine implements PlaygroundMachine {
  readonly clock = new SystemClock();
  readonly random = new SystemRandom();
  readonly tuttiCommand: readonly [string, ...string[]];
  readonly isRoot = process.getuid?.() === 0;
  readonly engineSocket: string;
  readonly listProcesses = listProcesses;
  readonly hasProcess = hasProcess;
  readonly childrenOf = childrenOf;
  readonly namespaceOf = namespaceOf;
  readonly replaceFile = replaceFile;
  readonly takeName = takeName;
  readonly #path: string;

  constructor({ entry }: { readonly entry: string }) {
    this.tuttiCommand = [process.execPath, ...process.execArgv, entry];
    const host = process.env['DOCKER_HOST'] ?? '';
    this.engineSocket = host.startsWith(unixScheme)
      ? host.slice(unixScheme.length)
      : defaultEngineSocket;
    this.#path = `${process.env['PATH'] ?? ''}:${systemDirectories}`;
  }

  findProgram(name: string): string | undefined {
    return this.#path
      .split(':')
      .filter((directory) => directory.startsWith('/'))
      .map((directory) => `${directory}/${name}`)
      .find(isProgram);
  }

  async run(call: ProgramRun): Promise<ProgramEnd> {
    const child = this.#spawn(call, ['pipe', 'pipe', 'pipe']);
    const { stdin, stdout, stderr } = child;
    if (stdin === null || stdout === null || stderr === null) throw new Error('no pipes');
    // A program may end without reading.
    stdin.on('error', () => undefined);
    stdin.end(call.input ?? '');
    const [output, complaint, [code]] = await Promise.all([
      text(stdout),
      text(stderr),
      once(child, 'close') as Promise<[number | null]>,
    ]);
    return { code: code ?? 1, output, complaint };
  }

  async start({ logFile, ...call }: ProgramRun & { readonly logFile: string }): Promise<number> {
    const log = openSync(logFile, 'a', 0o600);
    const child = this.#spawn(call, ['ignore', log, log]);
    closeSync(log);
    await once(child, 'spawn');
    child.unref();
    if (child.pid === undefined) throw new TuttiError('internal', `${call.program} has no process`);
    return child.pid;
  }

  async runOnTerminal(call: ProgramRun): Promise<number> {
    const child = spawn(call.program, call.parameters, {
      stdio: 'inherit',
      env: this.#environment(call),
    });
    const { pid } = child;
    // Ctrl-C in a terminal reaches the program without us, and who asks us to end asks it.
    const forward = (): void => {
      for (const below of pid === undefined ? [] : [pid, ...childrenOf(pid)]) {
        this.signal(below, 'SIGTERM');
      }
    };
    const ignore = (): void => undefined;
    process.on('SIGTERM', forward).on('SIGINT', ignore);
    const [code] = (await once(child, 'close')) as [number | null];
    process.off('SIGTERM', forward).off('SIGINT', ignore);
    return code ?? 1;
  }

  signal(pid: number, name: 'SIGKILL' | 'SIGTERM' | 'SIGSTOP' | 'SIGCONT'): void {
    try {
      process.kill(pid, name);
    } catch (error) {
      // It ended meanwhile.
      if (hasProcess(pid)) throw error;
    }
  }

  async readFile(path: string): Promise<string | undefined> {
    return await readFile(path, 'utf8').catch(whenAbsent);
  }

  async writeFile(path: string, content: string): Promise<void> {
    await writeFile(path, content);
  }

  async makeDirectory(path: string): Promise<void> {
    await mkdir(path, { recursive: true, mode: 0o755 });
  }

  async listDirectory(path: string): Promise<readonly string[]> {
    return ((await readdir(path).catch(whenAbsent)) ?? []).toSorted();
  }

  async removeTree(path: string): Promise<void> {
    await rm(path, { recursive: true, force: true });
  }

  async removeEmptyDirectory(path: string): Promise<boolean> {
    try {
      await rmdir(path);
      return true;
    } catch (error) {
      return codeOf(error) === 'ENOENT';
    }
  }

  openPeer(socketPath: string): HttpPeer {
    return new UnixSocketPeer(socketPath);
  }

  async checkArchive(path: string): Promise<void> {
    await statArchive(path);
  }

  async saveImages(tags: readonly string[], transfer: ImageTransfer): Promise<void> {
    await saveImages(tags, transfer);
  }

  async loadImages(transfer: ImageTransfer): Promise<void> {
    await loadImages(transfer);
  }

  #spawn(call: ProgramRun, stdio: ('pipe' | 'ignore' | number)[]): ChildProcess {
    return spawn(call.program, call.parameters, {
      stdio,
      env: this.#environment(call),
      // Ctrl-C in a terminal is for the command alone.
      detached: true,
    });
  }

  #environment({ environment = {} }: ProgramRun): NodeJS.ProcessEnv {
    return { ...process.env, PATH: this.#path, ...environment };
  }
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    // Not in this directory.
    return false;
  }
}

function whenAbsent(error: unknown): undefined {
  if (['ENOENT', 'ENOTDIR'].includes(codeOf(error) ?? '')) return undefined;
  throw error;
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}
