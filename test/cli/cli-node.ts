import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { tuttiCommand } from '../../tools/daemon/start-daemon.ts';
import { choosePaint } from '../../src/cli/paint.ts';
import { runProgram } from '../../src/cli/run-program.ts';
import { BackupFiles } from '../../src/os/backup-files.ts';
import { migrations, schemaVersionOf } from '../../src/store/migrations.ts';
import { runApart, type Finished } from '../fixture/run-apart.ts';
import { TestNode } from '../fixture/test-node.ts';

/** A node for tests of the command line, with a folder for their documents. */
export class CliNode implements AsyncDisposable {
  readonly node: TestNode;
  readonly folder: string;

  private constructor(node: TestNode) {
    this.node = node;
    this.folder = join(node.directory, 'documents');
  }

  static async start(): Promise<CliNode> {
    const engineSocket = process.env['TUTTI_TEST_ENGINE'] ?? '';
    const cli = new CliNode(await TestNode.start({ engineSocket }));
    await mkdir(cli.folder);
    return cli;
  }

  /** Writes a file below the folder; its path. */
  async write(name: string, text: string): Promise<string> {
    const path = join(this.folder, name);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
    return path;
  }

  /** Runs `tutti` in the folder. */
  run(parameters: readonly string[], options: Parameters<TestNode['tutti']>[1] = {}) {
    return this.node.tutti(parameters, { cwd: this.folder, ...options });
  }

  /** Runs `script`, which gives what it runs a terminal. */
  terminal(parameters: readonly string[], env: NodeJS.ProcessEnv): Promise<Finished> {
    const path = `${dirname(tuttiCommand)}:${process.env['PATH'] ?? ''}`;
    const socket = this.node.daemon.socketPath;
    return runApart('script', parameters, {
      cwd: this.folder,
      // Whoever runs these tests may want no colours; whether `tutti` does is what they try.
      env: { TERM: 'xterm', NO_COLOR: undefined, ...env, PATH: path, TUTTI_SOCKET: socket },
    });
  }

  /**
   * Runs the command line in this process, in the folder: no new program for each of many
   * commands. A daemon is never started.
   */
  async call(parameters: readonly string[]): Promise<Finished> {
    let stdout = '';
    let stderr = '';
    const home = process.cwd();
    process.chdir(this.folder);
    try {
      const code = await runProgram(parameters, {
        version: '0',
        environment: { TUTTI_SOCKET: this.node.daemon.socketPath },
        signal: new AbortController().signal,
        output: {
          terminal: undefined,
          paint: choosePaint(false, {}),
          notePaint: choosePaint(false, {}),
          write: (text) => void (stdout += text),
          note: (text) => void (stderr += text),
        },
        runDaemon: async () => {
          stderr += 'the daemon would have started';
          return 0;
        },
        openBackups: async () =>
          new BackupFiles({ knownSchemaVersion: schemaVersionOf(migrations) }),
        openPlaygrounds: () => Promise.reject(new Error('these tests make no playground')),
      });
      return { code, stdout, stderr };
    } finally {
      process.chdir(home);
    }
  }

  /** Standard output of a command that must end with 0. */
  async good(...parameters: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.call(parameters);
    assert.equal(code, 0, `tutti ${parameters.join(' ')}: ${stderr}`);
    return stdout;
  }

  /** The JSON that a command prints; it must end with the code. */
  async json(code: number, ...parameters: readonly string[]): Promise<unknown> {
    const finished = await this.call([...parameters, '--json']);
    assert.equal(finished.code, code, `tutti ${parameters.join(' ')}: ${finished.stderr}`);
    return JSON.parse(code > 1 ? finished.stderr : finished.stdout);
  }

  /** Reads what a command prints until it is enough, and presses Ctrl-C; its exit code. */
  async follow(
    parameters: readonly string[],
    isEnough: (line: string) => Promise<boolean> | boolean,
    stream: 'stdout' | 'stderr' = 'stdout',
  ): Promise<number | null> {
    const child = spawn(tuttiCommand, parameters, {
      cwd: this.folder,
      env: { ...process.env, TUTTI_SOCKET: this.node.daemon.socketPath },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const ended = once(child, 'exit');
    for await (const line of createInterface(child[stream])) {
      if (await isEnough(line)) child.kill('SIGINT');
    }
    const [code] = (await ended) as [number | null];
    return code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.node[Symbol.asyncDispose]();
  }
}
