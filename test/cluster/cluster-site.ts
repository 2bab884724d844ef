import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { hostPlaces } from '../../src/playground/places.ts';
import type { HostReport } from '../../src/playground/report.ts';
import { tuttiCommand } from '../../tools/daemon/start-daemon.ts';
import { requestEngine } from '../../tools/engine/engine-request.ts';
import { runApart } from '../fixture/run-apart.ts';
import { TestPlayground } from '../fixture/test-playground.ts';

export const webPort = 18_080;
const webReplicas = 4;
export const services = { web: webReplicas, alone: 1 } as const;
export type ServiceName = keyof typeof services;

const image = 'tutti-test/busybox:1';
const diskMegabytes = 512;
const answerLimitMs = 3_000;
const run = promisify(execFile);

export interface ListedContainer {
  readonly Id: string;
  readonly Names: readonly string[];
  readonly State: string;
  readonly Status: string;
}

/** A cluster of real engines with an application on it, to be damaged. */
export class ClusterSite implements AsyncDisposable {
  readonly hosts: readonly HostReport[];
  readonly playground: TestPlayground;
  readonly #disks = new Set<string>();

  private constructor(playground: TestPlayground, hosts: readonly HostReport[]) {
    this.playground = playground;
    this.hosts = hosts;
  }

  static async up({
    name = 'faults',
    ...size
  }: {
    readonly managers: number;
    readonly workers: number;
    /** Default `faults`. */
    readonly name?: string;
  }): Promise<ClusterSite> {
    const playground = await TestPlayground.up({ name, ...size });
    const { hosts } = await playground.report();
    return new ClusterSite(playground, hosts);
  }

  get managers(): readonly string[] {
    return this.hosts.filter(({ role }) => role === 'manager').map(({ name }) => name);
  }

  get workers(): readonly string[] {
    return this.hosts.filter(({ role }) => role === 'worker').map(({ name }) => name);
  }

  async deploy(): Promise<void> {
    const docker = (...words: readonly string[]) => this.playground.docker('manager-1', ...words);
    const split = (text: string) => text.split(' ');
    const create = split('service create --detach --no-resolve-image --restart-delay 300ms');
    const check = 'wget -q -O /dev/null http://127.0.0.1/version';
    const web =
      `--name web --replicas ${webReplicas} --publish ${webPort}:80 --update-order start-first ` +
      `--update-monitor 500ms --health-interval 2s --health-timeout 5s`;
    await docker(...create, ...split(web), '--health-cmd', check, image, 'web');
    const alone =
      `--name alone --label dev.tutti.fence=true --replicas 1 ` +
      `--mount type=volume,source=alone,target=/kept ${image} obey`;
    await docker(...create, ...split(alone));
  }

  /** Spreads the application over all nodes again, so that each fault has something to break. */
  async spread(): Promise<void> {
    const { apiSocket } = this.playground.host('manager-1');
    const rebalance = ['rebalance', 'web', '--timeout', '60s'];
    const spread = await runApart(tuttiCommand, ['--socket', apiSocket, ...rebalance]);
    if (spread.code !== 0) throw new Error(`tutti rebalance: ${spread.stdout}${spread.stderr}`);
  }

  /** Gives a host's data directory a small file system, which can be filled. */
  async giveDisk(host: string): Promise<void> {
    const directory = this.dataDirectory(host);
    await this.playground.change('kill', [host]);
    await run('mv', [directory, `${directory}.before`]);
    await run('mkdir', ['--mode=0700', directory]);
    const size = `size=${diskMegabytes}m,mode=0700`;
    await run('mount', ['-t', 'tmpfs', '-o', size, 'tmpfs', directory]);
    this.#disks.add(directory);
    await run('cp', ['-a', `${directory}.before/.`, directory]);
    await run('rm', ['-r', `${directory}.before`]);
    await this.playground.change('start', [host]);
  }

  /** Where the host's daemon has its data, as this machine sees it. */
  dataDirectory(host: string): string {
    return `${hostPlaces({ name: this.playground.name }, { name: host }).dataDirectory}/tutti`;
  }

  /** The containers of a service that an engine has; undefined: the engine does not answer. */
  async containersOf(
    host: string,
    service: string,
  ): Promise<readonly ListedContainer[] | undefined> {
    const filters = JSON.stringify({ label: [`com.docker.swarm.service.name=${service}`] });
    const path = `/containers/json?all=1&filters=${encodeURIComponent(filters)}`;
    return await this.ask<readonly ListedContainer[]>(host, path);
  }

  /** What a host's engine answers; undefined: it does not, or not with that. */
  async ask<Reply>(host: string, path: string): Promise<Reply | undefined> {
    const { engineSocket } = this.playground.host(host);
    const reply = await requestEngine(engineSocket, { path, timeoutMs: answerLimitMs }).catch(
      () => undefined,
    );
    return reply?.status === 200 ? (JSON.parse(reply.body) as Reply) : undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Hosts hold their own copies of the mounts; theirs go with their power.
    for (const directory of this.#disks) await run('umount', ['--lazy', directory]);
    await this.playground[Symbol.asyncDispose]();
  }
}
