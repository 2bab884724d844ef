import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { hostPlaces } from '../../src/playground/places.ts';
import type { HostReport } from '../../src/playground/report.ts';
import { engineAnswers, requestEngine } from '../../tools/engine/engine-request.ts';
import { TestPlayground } from '../fixture/test-playground.ts';
import { Probe } from './probes.ts';
import type { ProgramCopy } from './program-copy.ts';

const image = 'tutti-test/busybox:1';
const webPort = 18_080;
const webReplicas = 4;
const answerLimitMs = 5_000;
const waitLimitMs = 60_000;
const pollMs = 50;
/** 50 requests a second from elsewhere, over all nodes; 20 lookups a second in each container. */
const outsideEveryMs = 20;
const insideEveryMs = 50;
const localEveryMs = 100;
const serviceLabel = 'com.docker.swarm.service.name';

/** A container as its engine has it; nothing of it may change in an upgrade. */
export interface SeenContainer {
  readonly host: string;
  readonly id: string;
  readonly service: string;
  readonly startedAt: string;
  readonly restarts: number;
  readonly pid: number;
}

interface InspectedContainer {
  readonly Id: string;
  readonly RestartCount: number;
  readonly State: { readonly StartedAt: string; readonly Pid: number; readonly Running: boolean };
  readonly Config: { readonly Labels: Readonly<Record<string, string>> };
}

/** A cluster of one version with an application on it, whose nodes get another version. */
export class UpgradeSite implements AsyncDisposable {
  readonly playground: TestPlayground;
  readonly hosts: readonly HostReport[];

  private constructor(playground: TestPlayground, hosts: readonly HostReport[]) {
    this.playground = playground;
    this.hosts = hosts;
  }

  static async up(
    program: ProgramCopy,
    size: { readonly managers: number; readonly workers: number },
  ): Promise<UpgradeSite> {
    const { command } = program;
    const playground = await TestPlayground.up({ name: 'upgrade', command, ...size });
    const { hosts } = await playground.report();
    return new UpgradeSite(playground, hosts);
  }

  get managers(): readonly string[] {
    return this.hosts.filter(({ role }) => role === 'manager').map(({ name }) => name);
  }

  get workers(): readonly string[] {
    return this.hosts.filter(({ role }) => role === 'worker').map(({ name }) => name);
  }

  dataDirectory(host: string): string {
    return `${hostPlaces({ name: this.playground.name }, { name: host }).dataDirectory}/tutti`;
  }

  /** A web service that is published, and somebody on every node who asks for it. */
  async deploy(): Promise<void> {
    const docker = (line: string) => this.playground.docker('manager-1', ...line.split(' '));
    await docker('network create --driver overlay app');
    const create = 'service create --detach --no-resolve-image --network app';
    await docker(
      `${create} --name web --replicas ${webReplicas} --publish ${webPort}:80 ${image} web`,
    );
    await docker(`${create} --name asker --mode global ${image} obey`);
    const wanted = webReplicas + this.hosts.length;
    await until(
      `${wanted} containers run`,
      async () => (await this.containers()).length === wanted,
    );
  }

  /** All running containers of services, on all engines. */
  async containers(): Promise<readonly SeenContainer[]> {
    const lists = await Promise.all(this.hosts.map(({ name }) => this.#containersOn(name)));
    return lists.flat().toSorted((left, right) => left.id.localeCompare(right.id));
  }

  async #containersOn(host: string): Promise<readonly SeenContainer[]> {
    const filters = encodeURIComponent(JSON.stringify({ label: [serviceLabel] }));
    const listed = await this.#ask<readonly { readonly Id: string }[]>(
      host,
      `/containers/json?filters=${filters}`,
    );
    const all = await Promise.all(
      (listed ?? []).map(({ Id }) => this.#ask<InspectedContainer>(host, `/containers/${Id}/json`)),
    );
    // What is gone by now is not there.
    const there = all.filter((one) => one !== undefined);
    return there.map(({ Id, RestartCount, State, Config }) => ({
      host,
      id: Id,
      service: Config.Labels[serviceLabel] ?? '',
      startedAt: State.StartedAt,
      restarts: RestartCount,
      pid: State.Pid,
    }));
  }

  async #ask<Reply>(host: string, path: string): Promise<Reply | undefined> {
    const { engineSocket } = this.playground.host(host);
    const reply = await requestEngine(engineSocket, { path, timeoutMs: answerLimitMs });
    if (reply.status === 404) return undefined;
    if (reply.status !== 200) throw new Error(`${host}: ${path}: ${reply.status} ${reply.body}`);
    return JSON.parse(reply.body) as Reply;
  }

  /**
   * One that asks every node from elsewhere; in a container of each node one that looks names up
   * and connects; on each node itself one that asks its own published port.
   */
  async startProbes(): Promise<readonly Probe[]> {
    const pages = this.hosts.map(({ address }) => ({ host: address, port: webPort }));
    const common = { names: [], port: 80 };
    const outside = Probe.start('outside', {
      enter: [],
      plan: { ...common, pages, everyMs: outsideEveryMs },
    });
    const containers = await this.containers();
    const inside = this.hosts.map(({ name }) => {
      const asker = containers.find(({ host, service }) => host === name && service === 'asker');
      if (asker === undefined) throw new Error(`no asker runs on ${name}`);
      const { init } = this.playground.host(name).pids;
      const host = ['--net', '--mount', '--uts', '--pid'];
      const enter = ['nsenter', `--target=${init}`, ...host, '--'];
      return { name, asker, enter, container: ['nsenter', `--target=${asker.pid}`, '--net', '--'] };
    });
    const servers = await Promise.all(inside.map(({ name, asker }) => this.#server(name, asker)));
    return [
      outside,
      ...inside.map(({ name, enter, container }, index) =>
        Probe.start(`a container on ${name}`, {
          enter: [...enter, ...container],
          plan: {
            ...common,
            server: servers[index] ?? '',
            names: ['web', 'tasks.web'],
            pages: [],
            everyMs: insideEveryMs,
          },
        }),
      ),
      ...inside.map(({ name, enter }) =>
        Probe.start(name, {
          enter,
          plan: { ...common, pages: [{ host: '127.0.0.1', port: webPort }], everyMs: localEveryMs },
        }),
      ),
    ];
  }

  /** Whom a container asks for names. */
  async #server(host: string, { id }: SeenContainer): Promise<string> {
    const text = await this.playground.engine(host, 'exec', id, 'cat', '/etc/resolv.conf');
    const server = /^nameserver (\S+)$/m.exec(text)?.[1];
    if (server === undefined) throw new Error(`no nameserver in a container on ${host}: ${text}`);
    return server;
  }

  /**
   * As `systemctl restart` with another version in place: the next one starts at once. Returns how
   * long that took, until the new one answers.
   */
  async restartWith({ entry }: ProgramCopy, host: string): Promise<number> {
    await this.playground.report();
    const { daemon: pid, init } = this.playground.host(host).pids;
    if (pid === undefined) throw new Error(`no daemon runs on ${host}`);
    const words = (await readFile(`/proc/${pid}/cmdline`, 'utf8')).split('\0').slice(0, -1);
    const next = words.map((word) => (word.endsWith('/dist/src/main.js') ? entry : word));
    const environ = (await readFile(`/proc/${pid}/environ`, 'utf8')).split('\0');
    const environment = environ.filter((one) => one !== '');
    const from = Date.now();
    process.kill(pid, 'SIGTERM');
    await until(`the daemon of ${host} ends`, () => !existsSync(`/proc/${pid}`));
    const namespaces = ['--net', '--mount', '--uts', '--pid'];
    const apart = ['setsid', '--fork', 'env', '-', ...environment, ...next];
    const { daemonLog } = hostPlaces({ name: this.playground.name }, { name: host });
    const log = openSync(daemonLog, 'a');
    spawn('nsenter', [`--target=${init}`, ...namespaces, '--', ...apart], {
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    const { apiSocket } = this.playground.host(host);
    await until(`the daemon of ${host} answers`, () => engineAnswers(apiSocket));
    return Date.now() - from;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.playground[Symbol.asyncDispose]();
  }
}

/** Looks until it is so; throws where it does not come to be. */
export async function until(
  what: string,
  look: () => boolean | Promise<boolean>,
  limitMs = waitLimitMs,
): Promise<void> {
  const giveUpAt = Date.now() + limitMs;
  while (!(await look())) {
    if (Date.now() > giveUpAt) throw new Error(`not in time: ${what}`);
    await sleep(pollMs);
  }
}
