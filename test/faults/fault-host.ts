import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Prng } from '../../src/lib/prng.ts';
import { requestEngine } from '../../tools/engine/engine-request.ts';
import { startEngine, type PrivateEngine } from '../../tools/engine/start-engine.ts';
import { runApart } from '../fixture/run-apart.ts';
import { TestNode } from '../fixture/test-node.ts';
import { ForeignContainers } from './foreign-containers.ts';

export const processes = ['daemon', 'manager', 'engine'] as const;
export type Process = (typeof processes)[number];

export interface StartFaultHost {
  /** Of the engine; images stay in it between runs. */
  readonly engineDirectory: string;
  readonly engineRunDirectory: string;
  /** Images as `docker save` wrote them. */
  readonly imageArchive: string;
  readonly liveRestore: boolean;
}

const retryMs = 200;
const commandLimitMs = 90_000;

/** A host with an engine, a daemon and a manager that can be killed and come back. */
export class FaultHost implements AsyncDisposable {
  readonly engine: PrivateEngine;
  readonly node: TestNode;
  readonly foreign: ForeignContainers;
  readonly liveRestore: boolean;
  readonly engineDirectory: string;
  readonly engineRunDirectory: string;
  #lostPower = false;

  private constructor(
    options: StartFaultHost,
    made: {
      readonly engine: PrivateEngine;
      readonly node: TestNode;
      readonly foreign: ForeignContainers;
    },
  ) {
    this.engine = made.engine;
    this.node = made.node;
    this.foreign = made.foreign;
    this.liveRestore = options.liveRestore;
    this.engineDirectory = options.engineDirectory;
    this.engineRunDirectory = options.engineRunDirectory;
  }

  /** `beforeDaemon` runs while there is an engine and nothing else. */
  static async start(
    options: StartFaultHost,
    beforeDaemon: (engineSocket: string) => Promise<void>,
  ): Promise<FaultHost> {
    const { liveRestore } = options;
    const engine = await startEngine({
      directory: options.engineDirectory,
      runDirectory: options.engineRunDirectory,
      liveRestore,
    });
    try {
      const engineSocket = engine.socketPath;
      await loadImages(engineSocket, options.imageArchive);
      await beforeDaemon(engineSocket);
      const foreign = await ForeignContainers.start(engineSocket);
      // Not in /run: what a node remembers outlives the power.
      const node = await TestNode.start({ engineSocket, parentDirectory: '/var/tmp' });
      return new FaultHost(options, { engine, node, foreign });
    } catch (error) {
      await engine[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Kills at once and brings back what nobody else brings back; pauses between, in any order. */
  async killAndReturn(targets: readonly Process[], dice: Prng): Promise<void> {
    const pauses = new Map(targets.map((target) => [target, dice.below(1_200)]));
    await Promise.all(targets.map(async (target) => await this.#kill(target)));
    await Promise.all(
      targets.map(async (target) => {
        await sleep(pauses.get(target));
        if (target === 'engine') await this.engine.start();
        if (target === 'daemon') await this.node.daemon.start();
      }),
    );
  }

  /**
   * Takes the machine's power, and starts it again: what stood in memory is gone. The engine can be
   * made to forget its networks meanwhile.
   */
  async losePower({ forgetNetworks = false } = {}): Promise<void> {
    this.#lostPower = true;
    await Promise.all([this.#kill('daemon'), this.#kill('manager'), this.engine.losePower()]);
    if (forgetNetworks) await rm(join(this.engineDirectory, 'data/network/files/local-kv.db'));
    for (const name of await readdir('/run/tutti').catch(() => [])) {
      await rm(join('/run/tutti', name), { recursive: true });
    }
    await Promise.all([this.engine.start(), this.node.daemon.start()]);
  }

  /** Whether the engine, or the machine, may have started containers again that are not ours. */
  get restartsContainers(): boolean {
    return this.#lostPower || !this.liveRestore;
  }

  async #kill(target: Process): Promise<void> {
    switch (target) {
      case 'daemon':
        return await this.node.daemon.kill();
      case 'manager':
        return this.#killManager();
      case 'engine':
        return await this.engine.kill();
    }
  }

  #killManager(): void {
    const { dataDirectory } = this.node.daemon;
    try {
      const pid = Number(readFileSync(join(dataDirectory, 'run/manager.pid'), 'utf8'));
      const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
      if (words.includes(dataDirectory)) process.kill(pid, 'SIGKILL');
    } catch {
      // It was killed a moment ago and the next one has not started yet.
    }
  }

  /** Runs a command until it succeeds, as a person would. */
  async insist(what: string, command: () => Promise<{ code: number | null; stderr: string }>) {
    const giveUpAt = Date.now() + commandLimitMs;
    for (;;) {
      const { code, stderr } = await command();
      if (code === 0) return;
      if (Date.now() > giveUpAt) throw new Error(`${what} does not succeed any more: ${stderr}`);
      await sleep(retryMs);
    }
  }

  insistDocker(...parameters: readonly string[]): Promise<void> {
    return this.insist(`docker ${parameters.join(' ')}`, () => this.node.tryDocker(...parameters));
  }

  async writeFile(name: string, text: string): Promise<string> {
    const path = join(this.node.directory, name);
    await writeFile(path, text);
    return path;
  }

  /** What the engine answers with, as JSON. */
  async ask<Reply>(path: string): Promise<Reply> {
    const { status, body } = await requestEngine(this.engine.socketPath, { path });
    if (status >= 400) throw new Error(`the engine answered ${status} to ${path}: ${body}`);
    return JSON.parse(body) as Reply;
  }

  async removeVolume(name: string): Promise<void> {
    const { status, body } = await requestEngine(this.engine.socketPath, {
      method: 'DELETE',
      path: `/volumes/${name}`,
    });
    assert.ok(status < 400, body);
  }

  /**
   * Whether the engine refuses a network because of one that it does not show itself. One that is
   * killed while it makes a network may keep it in one of its two books, for ever (seen with Docker
   * 20.10): nobody can remove it but by hand, with the engine's network store.
   */
  async hasLostNetwork(): Promise<boolean> {
    const log = await readFile(join(this.node.directory, 'daemon.log'), 'utf8');
    const refusals = [...log.matchAll(/conflicts with network ([0-9a-f]{64})/g)];
    const networks = await this.ask<readonly { readonly Id: string }[]>('/networks');
    return refusals.some(([, id]) => !networks.some(({ Id }) => Id === id));
  }

  /** Runs a program in a container, straight by the engine. */
  async exec(container: string, ...command: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await runApart('docker', [
      '-H',
      `unix://${this.engine.socketPath}`,
      'exec',
      container,
      ...command,
    ]);
    if (code !== 0) throw new Error(`${command.join(' ')} failed in ${container}: ${stderr}`);
    return stdout;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.node.daemon.end() === undefined) await this.node.daemon.stop();
    await this.node.removeDirectory();
    await this.engine[Symbol.asyncDispose]();
  }
}

async function loadImages(engineSocket: string, archive: string): Promise<void> {
  const host = ['-H', `unix://${engineSocket}`];
  const { code, stderr } = await runApart('docker', [...host, 'load', '--input', archive]);
  assert.equal(code, 0, stderr);
}
