import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ApiClient } from '../src/client/api-client.ts';
import { LinuxPlaygroundMachine } from '../src/os/playground-machine.ts';
import { type HostsRequest, Playgrounds } from '../src/playground/playground.ts';
import type { HostReport, PlaygroundReport } from '../src/playground/report.ts';
import { heal, type Orchestrator, partition } from '../src/playground/state.ts';
import { repositoryRoot } from '../tools/root.ts';

/** What every host has an image of. */
export const image = 'tutti-test/busybox:1';

const playgrounds = new Playgrounds(
  new LinuxPlaygroundMachine({ entry: join(repositoryRoot, 'dist/src/main.js') }),
);
const limitMs = 120_000;
const pollMs = 20;
const nodesPollMs = 100;
/** A manager that is asked how the cluster is may have been cut off until a moment ago. */
const answerLimitMs = 2_000;

export interface SitePlan {
  readonly orchestrator: Orchestrator;
  readonly managers: number;
  readonly workers: number;
}

interface NodeReply {
  readonly Description: { readonly Hostname: string };
  readonly Status: { readonly State: string };
  readonly ManagerStatus?: { readonly Leader?: boolean; readonly Reachability?: string };
}

/** The same hosts and the same faults for Tutti and for Docker Swarm: a playground of either. */
export class FailoverSite implements AsyncDisposable {
  readonly signal: AbortSignal;
  #report: PlaygroundReport;

  private constructor(report: PlaygroundReport, signal: AbortSignal) {
    this.#report = report;
    this.signal = signal;
  }

  static async up(plan: SitePlan, signal: AbortSignal): Promise<FailoverSite> {
    const name = `failover-${plan.orchestrator}`;
    const request = { ...plan, name, images: [image], archives: [], cluster: true };
    const note = (line: string) => void process.stderr.write(`  ${name}: ${line}\n`);
    return new FailoverSite(await playgrounds.up(request, { signal, note }), signal);
  }

  get #name(): string {
    return this.#report.name;
  }

  get hosts(): readonly string[] {
    return this.#report.hosts.map(({ name }) => name);
  }

  get managers(): readonly string[] {
    return this.#report.hosts.filter(({ role }) => role === 'manager').map(({ name }) => name);
  }

  get workers(): readonly string[] {
    return this.#report.hosts.filter(({ role }) => role === 'worker').map(({ name }) => name);
  }

  #host(name: string): HostReport {
    const host = this.#report.hosts.find((one) => one.name === name);
    if (host === undefined) throw new Error(`there is no ${name}`);
    return host;
  }

  /** Of the cluster's API on a host. */
  client(host: string): ApiClient {
    return new ApiClient(this.#host(host).apiSocket);
  }

  /** Of the container engine of a host. */
  engine(host: string): ApiClient {
    return new ApiClient(this.#host(host).engineSocket);
  }

  /** Drops every packet between a host and all others. */
  async cutOff(host: string): Promise<void> {
    const change = (state: Parameters<typeof partition>[0]) => partition(state, { hosts: [host] });
    this.#report = await playgrounds.changeLinks(this.#name, change, this);
  }

  /** Takes cuts back, and brings back what does not run. */
  async repair(host: string): Promise<void> {
    await playgrounds.changeLinks(this.#name, (state) => heal(state, []), this);
    await this.change('start', host);
  }

  async change(verb: HostsRequest['verb'], host: string): Promise<void> {
    const request = { verb, hosts: [host], target: 'all' } as const;
    this.#report = await playgrounds.changeHosts(this.#name, request, this);
  }

  /** Kills these processes of a host with SIGKILL; all must be there. */
  async killProcesses(host: string, parts: readonly string[]): Promise<void> {
    const [now] = await playgrounds.list(this.#name);
    if (now !== undefined) this.#report = now;
    const { pids } = this.#host(host);
    const found = parts.map((part) => {
      const pid = pids[part];
      if (pid === undefined) throw new Error(`no ${part} runs on ${host}`);
      return pid;
    });
    for (const pid of found) process.kill(pid, 'SIGKILL');
  }

  /** Polls until it is so. */
  async until(what: string, isSo: () => Promise<boolean>, everyMs = pollMs): Promise<void> {
    const giveUpAt = performance.now() + limitMs;
    while (!(await isSo())) {
      if (performance.now() > giveUpAt) throw new Error(`not within ${limitMs} ms: ${what}`);
      await sleep(everyMs, undefined, this);
    }
  }

  /** Resolves once every manager says that all hosts are ready and all managers reachable. */
  async untilWhole(): Promise<void> {
    const isWhole = async (manager: string): Promise<boolean> => {
      const nodes = await this.#nodes(manager);
      const whole = nodes.filter(
        ({ Status: status, ManagerStatus: manages }) =>
          status.State === 'ready' &&
          (manages === undefined || manages.Reachability === 'reachable'),
      );
      const managers = whole.filter(({ ManagerStatus: manages }) => manages !== undefined);
      const isLed = managers.some(({ ManagerStatus: manages }) => manages?.Leader === true);
      return (
        isLed && whole.length === this.hosts.length && managers.length === this.managers.length
      );
    };
    const look = async () => (await Promise.all(this.managers.map(isWhole))).every(Boolean);
    await this.until('every host is ready', look, nodesPollMs);
  }

  /** The host whose manager leads, as a manager knows it. */
  async leader(manager: string): Promise<string> {
    let found: string | undefined;
    const look = async (): Promise<boolean> => {
      const nodes = await this.#nodes(manager);
      found = nodes.find((node) => node.ManagerStatus?.Leader === true)?.Description.Hostname;
      return found !== undefined;
    };
    await this.until('somebody leads', look, nodesPollMs);
    return found ?? '';
  }

  /** As a manager knows them; none while it does not answer. */
  async #nodes(manager: string): Promise<readonly NodeReply[]> {
    const signal = AbortSignal.any([this.signal, AbortSignal.timeout(answerLimitMs)]);
    try {
      return await this.client(manager).call({ method: 'GET', path: '/v1.41/nodes', signal });
    } catch {
      // Whoever waits asks again, and gives up in the end.
      this.signal.throwIfAborted();
      return [];
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { signal } = new AbortController();
    await playgrounds.down(this.#name, { signal, note: () => undefined });
  }
}
