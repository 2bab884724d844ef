import { createInterface } from 'node:readline';
import { join } from 'node:path';
import { containerOf, endOf, type Running, startIn } from '../../bench/net/inside.ts';
import type { HostReport } from '../../src/playground/report.ts';
import { TestPlayground } from '../fixture/test-playground.ts';

const image = 'tutti-test/busybox:1';
const network = 'apart';
const first = 'manager-1';
const askerProgram = join(import.meta.dirname, 'asker.ts');

/** What is asked for, and its published port. */
export const ports = { web: 18_090, late: 18_091, gone: 18_092 } as const;
export type ServiceName = keyof typeof ports;
export const replicas: Readonly<Record<ServiceName, number>> = { web: 6, late: 3, gone: 2 };
export const scaledUp = 8;

type Answers = Readonly<Record<string, readonly string[] | undefined>>;

/** Somebody in a container on a host who asks for names. */
class Asker {
  readonly #child: Running;
  readonly #lines: AsyncIterator<string>;

  constructor(child: Running) {
    this.#child = child;
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  }

  async ask(names: readonly string[]): Promise<Answers> {
    this.#child.stdin.write(`${JSON.stringify(names)}\n`);
    const line = await this.#lines.next();
    if (line.done === true) throw new Error('who asks for names has ended');
    return JSON.parse(line.value) as Answers;
  }

  async end(): Promise<void> {
    await endOf(this.#child);
  }
}

/** A cluster whose names and ports are looked at from every node. */
export class PartitionSite implements AsyncDisposable {
  readonly playground: TestPlayground;
  readonly hosts: readonly HostReport[];
  readonly networkId: string;
  readonly #askers: ReadonlyMap<string, Asker>;

  private constructor(
    playground: TestPlayground,
    found: {
      readonly hosts: readonly HostReport[];
      readonly networkId: string;
      readonly askers: ReadonlyMap<string, Asker>;
    },
  ) {
    this.playground = playground;
    this.hosts = found.hosts;
    this.networkId = found.networkId;
    this.#askers = found.askers;
  }

  static async up(size: {
    readonly managers: number;
    readonly workers: number;
  }): Promise<PartitionSite> {
    const playground = await TestPlayground.up({ name: 'apart', ...size, images: [image] });
    try {
      const { hosts } = await playground.report();
      await playground.docker(first, 'network', 'create', '--driver=overlay', network);
      const inspect = ['network', 'inspect', '--format={{.Id}}', network];
      const networkId = await playground.docker(first, ...inspect);
      const asker = ['--name=asker', '--mode=global', `--network=${network}`, image, 'obey'];
      await playground.docker(first, 'service', 'create', '--quiet', ...asker);
      const askers = new Map<string, Asker>();
      for (const { name: host } of hosts) {
        const placed = await containerOf(playground, { host, service: 'asker', networkId });
        const server = placed.address.replace(/\d+$/, '1');
        const command = [process.execPath, askerProgram, server];
        askers.set(host, new Asker(startIn(playground, placed, command)));
      }
      return new PartitionSite(playground, { hosts, networkId, askers });
    } catch (error) {
      await playground[Symbol.asyncDispose]();
      throw error;
    }
  }

  get managers(): readonly string[] {
    return this.hosts.filter(({ role }) => role === 'manager').map(({ name }) => name);
  }

  get workers(): readonly string[] {
    return this.hosts.filter(({ role }) => role === 'worker').map(({ name }) => name);
  }

  async create(manager: string, service: ServiceName): Promise<void> {
    const placed = [`--network=${network}`, `--publish=${ports[service]}:80`];
    const check = ['--health-cmd', 'wget -q -O /dev/null http://127.0.0.1/version'];
    const often = ['--health-interval=1s', '--restart-delay=300ms', `--name=${service}`];
    const create = ['service', 'create', '--detach', '--no-resolve-image', ...often];
    const count = `--replicas=${replicas[service]}`;
    await this.playground.docker(manager, ...create, ...placed, ...check, count, image, 'web');
  }

  async remove(manager: string, service: ServiceName): Promise<void> {
    await this.playground.docker(manager, 'service', 'rm', service);
  }

  async scaleWeb(manager: string, count: number = replicas.web): Promise<void> {
    await this.playground.docker(manager, 'service', 'scale', '--detach', `web=${count}`);
  }

  /** Kills a container of `web` on a host, where it has one. */
  async killOne(host: string): Promise<void> {
    const filter = 'label=com.docker.swarm.service.name=web';
    const ids = await this.playground.engine(host, 'ps', '--quiet', '--filter', filter);
    const [id = ''] = ids.split('\n');
    if (id !== '') await this.playground.engine(host, 'kill', id);
  }

  /** What names stand for in a container on a host. */
  async ask(host: string, names: readonly string[]): Promise<Answers> {
    const asker = this.#askers.get(host);
    if (asker === undefined) throw new Error(`nobody asks on ${host}`);
    return await asker.ask(names);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const asker of this.#askers.values()) await asker.end();
    await this.playground[Symbol.asyncDispose]();
  }
}
