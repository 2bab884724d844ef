import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { appendFileSync, readFileSync, statfsSync } from 'node:fs';
import { mkdtemp, rm, rmdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { StackReport } from '../../src/model/report.ts';
import { requestEngine } from '../../tools/engine/engine-request.ts';
import { TestNode } from '../fixture/test-node.ts';
import type { Finished } from '../fixture/run-apart.ts';

export interface DiskFullResult {
  /** Declarations that were acknowledged before and after the disk was full. */
  readonly acknowledged: number;
  /** Commands that were refused, each with a sentence that says why. */
  readonly refused: number;
  /** Commands that read and succeeded while the disk was full. */
  readonly reads: number;
  /** From the moment there was space until everything was as declared. */
  readonly recoveredMs: number;
}

const sizeMegabytes = 24;
const limitMs = 60_000;
const pollMs = 100;
const saysFull = /the disk of the data directory is full, nothing was changed/;
const note = 'n'.repeat(20_000);

const stack = (replicas: number): string => `version: "3.9"
services:
  web:
    image: tutti-test/busybox:1
    command: ["web"]
    ports: ["18090:80"]
    deploy: { replicas: ${replicas}, restart_policy: { condition: any, delay: 300ms } }
`;

/**
 * A node whose data directory is on a file system that fills: writes are refused and say so, reads
 * and the application go on, also after daemon and manager were killed, and with space everything
 * goes on without a loss.
 */
export async function proveDiskFull(engineSocket: string): Promise<DiskFullResult> {
  const directory = await mkdtemp('/run/tutti-full-');
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${sizeMegabytes}m`, 'tmpfs', directory]);
  try {
    await using node = await TestNode.start({ engineSocket, parentDirectory: directory });
    await node.docker('swarm', 'init', '--advertise-addr', '127.0.0.1');
    return await new FullDisk(node, directory).prove();
  } finally {
    execFileSync('umount', ['--lazy', directory]);
    await rmdir(directory);
    await rm(`${directory}.txt`, { force: true });
  }
}

class FullDisk {
  readonly #node: TestNode;
  readonly #directory: string;
  /** What commands read; not on the disk that is full. */
  readonly #file: string;
  readonly #acknowledged: string[] = [];
  #reads = 0;

  constructor(node: TestNode, directory: string) {
    this.#node = node;
    this.#directory = directory;
    this.#file = `${directory}.txt`;
  }

  async prove(): Promise<DiskFullResult> {
    const node = this.#node;
    await this.#deploy(2, 'tutti');
    await node.untilStack('full');
    for (const name of ['before-1', 'before-2']) assert.equal((await this.#note(name)).code, 0);

    this.#fill();
    await this.#untilRefused();
    const revision = await node.revision();
    const refused = [
      await this.#note('while-full'),
      await node.tryDocker('service', 'scale', '--detach', 'full_web=4'),
      await node.tryDocker('service', 'update', '--detach', '--env-add', 'A=B', 'full_web'),
      await this.#tryDeploy(3, 'docker'),
      await this.#tryDeploy(3, 'tutti'),
      await node.tryDocker(
        'secret',
        'create',
        '--label',
        `long=${note}`,
        'secret',
        '/etc/hostname',
      ),
      await node.tryDocker('stack', 'rm', 'full'),
    ];
    for (const { code, stderr } of refused) {
      assert.notEqual(code, 0);
      assert.match(stderr, saysFull);
    }
    assert.equal(await node.revision(), revision);
    await this.#readEverything();
    await this.#loseAContainer();
    await this.#killAndReturn();
    await this.#readEverything();

    const freedAt = Date.now();
    await rm(join(this.#directory, 'ballast'));
    await this.#untilRunning(2);
    const recoveredMs = Date.now() - freedAt;
    assert.equal((await this.#note('after')).code, 0);
    await this.#deploy(3, 'docker');
    await this.#untilRunning(3);
    await this.#checkNotes();
    await node.docker('stack', 'rm', 'full');
    await node.untilGone('full');
    const acknowledged = this.#acknowledged.length;
    return { acknowledged, refused: refused.length, reads: this.#reads, recoveredMs };
  }

  async #deploy(replicas: number, by: 'docker' | 'tutti'): Promise<void> {
    const { code, stderr } = await this.#tryDeploy(replicas, by);
    assert.equal(code, 0, stderr);
  }

  async #tryDeploy(replicas: number, by: 'docker' | 'tutti'): Promise<Finished> {
    const parameters = ['stack', 'deploy', '--compose-file', '-', 'full'];
    const input = stack(replicas);
    if (by === 'tutti') return await this.#node.tutti(parameters, { input });
    return await this.#node.tryDocker(...parameters.with(3, await this.#stackFile(input)));
  }

  async #stackFile(text: string): Promise<string> {
    const file = this.#file;
    await writeFile(file, text);
    return file;
  }

  async #note(name: string): Promise<Finished> {
    const file = await this.#stackFile(note);
    const outcome = await this.#node.tryDocker('config', 'create', name, file);
    if (outcome.code === 0) this.#acknowledged.push(name);
    return outcome;
  }

  /** Takes all the space that there is. */
  #fill(): void {
    const { bavail, bsize } = statfsSync(this.#directory);
    try {
      appendFileSync(join(this.#directory, 'ballast'), Buffer.alloc(bavail * bsize));
    } catch (error) {
      // A log took a page in between: it is just as full.
      if (!String(error).includes('ENOSPC')) throw error;
    }
  }

  /** What was allocated before is still used up: then nothing more is written. */
  async #untilRefused(): Promise<void> {
    for (let number = 0; ; number += 1) {
      assert.ok(number < 100, 'the disk is full and everything is still taken');
      const { code, stderr } = await this.#note(`filling-${number}`);
      if (code !== 0) return assert.match(stderr, saysFull);
    }
  }

  async #readEverything(): Promise<void> {
    const node = this.#node;
    const reads = [
      ['service', 'ls'],
      ['service', 'ps', 'full_web'],
      ['service', 'inspect', 'full_web'],
      ['stack', 'services', 'full'],
      ['node', 'ls'],
      ['config', 'ls'],
      ['info'],
      ['ps'],
    ];
    for (const read of reads) await node.docker(...read);
    for (const read of [['status'], ['stack', 'ps', 'full']]) {
      const { stdout, stderr } = await node.tutti(read);
      assert.match(stdout + stderr, /full_web|node-1/);
    }
    this.#reads += reads.length + 2;
    await this.#checkNotes();
    assert.equal(await this.#fetchVersion(), '1');
  }

  async #checkNotes(): Promise<void> {
    const names = (await this.#node.docker('config', 'ls', '--format', '{{.Name}}')).split('\n');
    assert.deepEqual(names.toSorted(), this.#acknowledged.toSorted());
  }

  async #fetchVersion(): Promise<string> {
    const response = await fetch('http://127.0.0.1:18090/version', {
      headers: { connection: 'close' },
      signal: AbortSignal.timeout(5_000),
    });
    return (await response.text()).trim();
  }

  /** Its end cannot be written down while the disk is full; the other replica goes on. */
  async #loseAContainer(): Promise<void> {
    const [id] = await this.#running();
    await requestEngine(this.#node.engineSocket, {
      method: 'POST',
      path: `/containers/${id}/kill`,
    });
    await this.#until('one container answers', async () => (await this.#running()).length === 1);
    assert.equal(await this.#fetchVersion(), '1');
  }

  async #killAndReturn(): Promise<void> {
    const { daemon } = this.#node;
    const pid = Number(readFileSync(join(daemon.dataDirectory, 'run/manager.pid'), 'utf8'));
    await daemon.kill();
    process.kill(pid, 'SIGKILL');
    this.#fill();
    await daemon.start();
    await this.#until('the manager reads', async () => {
      const { code } = await this.#node.tryDocker('service', 'ls');
      return code === 0 && (await this.#fetchVersion()) === '1';
    });
  }

  async #running(): Promise<readonly string[]> {
    const filter = 'label=com.docker.swarm.service.name=full_web';
    const ids = await this.#node.docker('ps', '--quiet', '--no-trunc', '--filter', filter);
    return ids.split('\n').filter((id) => id !== '');
  }

  async #untilRunning(replicas: number): Promise<void> {
    await this.#until(`${replicas} containers run`, async () => {
      const report = await this.#node.client.call<StackReport>({
        method: 'GET',
        path: '/tutti/v1/stacks/full',
      });
      return report.converged && (await this.#running()).length === replicas;
    });
  }

  async #until(what: string, isSo: () => Promise<boolean>): Promise<void> {
    const giveUpAt = Date.now() + limitMs;
    let last: unknown;
    for (;;) {
      try {
        if (await isSo()) return;
      } catch (error) {
        last = error;
      }
      if (Date.now() > giveUpAt) throw new Error(`not so in time: ${what}`, { cause: last });
      await sleep(pollMs);
    }
  }
}

if (import.meta.main) {
  const [output = '/dev/stdout'] = process.argv.slice(2);
  const result = await proveDiskFull(process.env['TUTTI_TEST_ENGINE'] ?? '');
  await writeFile(output, `${JSON.stringify(result)}\n`);
}
