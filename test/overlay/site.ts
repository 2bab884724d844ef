import assert from 'node:assert/strict';
import { join } from 'node:path';
import { tuttiCommand } from '../../tools/daemon/start-daemon.ts';
import { type Finished, runApart } from '../fixture/run-apart.ts';
import { bridgePrefix } from '../../src/overlay/bridge-name.ts';
import { TestPlayground } from '../fixture/test-playground.ts';
import { type Answer, until, type Who } from '../network/stack.ts';

export const manager = 'manager-1';
export const worker = 'worker-1';
const hosts = [manager, worker] as const;
const stack = 'net';

/** A container of the stack of `compose.yml`, wherever it runs. */
export interface PlacedTask {
  readonly node: string;
  readonly containerId: string;
  /** What it calls itself. */
  readonly hostname: string;
  /** By name of the network, without the stack's. */
  readonly addresses: ReadonlyMap<string, string>;
  /** The same, of the networks that have IPv6. */
  readonly ipv6: ReadonlyMap<string, string>;
}

/** What the engine says of a container that is on these networks; `short`: names by their id. */
export function placeOf(
  node: string,
  of: { readonly line: string; readonly short: (networkId: string) => string },
): PlacedTask {
  const [containerId = '', hostname = '', ...places] = of.line.trim().split(' ');
  const found = places.map((place) => {
    const [id = '', address = '', ipv6 = ''] = place.split('=');
    return { network: of.short(id.replace(/^00-/, '')), address, ipv6 };
  });
  return {
    node,
    containerId,
    hostname,
    addresses: new Map(found.map(({ network, address }) => [network, address])),
    ipv6: new Map(
      found.filter((one) => one.ipv6.includes(':')).map(({ network, ipv6 }) => [network, ipv6]),
    ),
  };
}

/** What `placeOf` reads. */
export const placeFormat =
  '{{.Id}} {{.Config.Hostname}}{{range $id, $one := .NetworkSettings.Networks}}' +
  ' {{$id}}={{$one.IPAddress}}={{$one.GlobalIPv6Address}}{{end}}';

/** A manager and a worker with the stack of `compose.yml`. */
export class OverlaySite implements AsyncDisposable {
  readonly hosts: TestPlayground;

  private constructor(playground: TestPlayground) {
    this.hosts = playground;
  }

  static async start(): Promise<OverlaySite> {
    const images = ['tutti-demo/vote:1'];
    return new OverlaySite(await TestPlayground.up({ name: 'overlay', workers: 1, images }));
  }

  /** Absent: `compose.yml`. */
  async deploy(other?: { readonly file: string; readonly name: string }): Promise<void> {
    const { file, name } = other ?? { file: join(import.meta.dirname, 'compose.yml'), name: stack };
    const env = { TUTTI_SOCKET: this.hosts.host(manager).apiSocket };
    const words = ['stack', 'deploy', '--compose-file', file, name];
    const { code, stdout, stderr } = await runApart(tuttiCommand, words, { env });
    assert.equal(code, 0, stdout + stderr);
  }

  docker(...words: readonly string[]): Promise<string> {
    return this.hosts.docker(manager, ...words);
  }

  async #running(service: string): Promise<readonly PlacedTask[]> {
    const networks = await this.#networkNames();
    const found = await Promise.all(
      hosts.map(async (node) => await this.#tasksOn(node, { service, networks })),
    );
    return found.flat();
  }

  /** The tasks of a service that run now, of all hosts. */
  async tasks(service: string): Promise<readonly PlacedTask[]> {
    const all = await this.#running(service);
    await Promise.all(all.map((task) => this.untilListening(task)));
    return all;
  }

  /** A container runs before its program listens. */
  async untilListening(task: PlacedTask): Promise<void> {
    await until(
      () => this.#ask(task, 'who'),
      ({ code }) => code === 0,
    );
  }

  async task(service: string): Promise<PlacedTask> {
    const [first] = await this.tasks(service);
    assert.ok(first, `no task of ${service} runs`);
    return first;
  }

  async #tasksOn(
    node: string,
    of: { readonly service: string; readonly networks: ReadonlyMap<string, string> },
  ): Promise<readonly PlacedTask[]> {
    if (this.hosts.host(node).state === 'off') return [];
    const filter = `label=com.docker.swarm.service.name=${stack}_${of.service}`;
    const ids = await this.hosts.engine(node, 'ps', '--quiet', '--filter', filter);
    if (ids === '') return [];
    const words = ['inspect', `--format=${placeFormat}`, ...ids.split('\n')];
    const text = await this.hosts.engine(node, ...words);
    const short = (id: string): string => of.networks.get(id) ?? id;
    return text.split('\n').map((line) => placeOf(node, { line, short }));
  }

  async #networkNames(): Promise<ReadonlyMap<string, string>> {
    const text = await this.docker('network', 'ls', '--no-trunc', '--format={{.ID}} {{.Name}}');
    return new Map(
      text.split('\n').map((line) => {
        const [id = '', name = ''] = line.split(' ');
        return [id, name.replace(`${stack}_`, '')];
      }),
    );
  }

  async networkId(name: string): Promise<string> {
    const found = [...(await this.#networkNames())].find(([, short]) => short === name);
    assert.ok(found, `there is no network ${name}`);
    return found[0];
  }

  /** Has a program of `task.ts` do something; its host reaches it. */
  async tell<Value>(
    task: PlacedTask,
    what: string,
    parameters: Readonly<Record<string, string>>,
  ): Promise<Answer<Value>> {
    const query = new URLSearchParams(parameters).toString();
    const { code, stdout, stderr } = await this.#ask(task, `${what}?${query}`);
    assert.equal(code, 0, stderr);
    return JSON.parse(stdout) as Answer<Value>;
  }

  #ask(task: PlacedTask, path: string): Promise<Finished> {
    const [address = ''] = task.addresses.values();
    return this.hosts.enter(task.node, [
      'curl',
      '-sS',
      '--max-time',
      '10',
      `http://${address}/${path}`,
    ]);
  }

  call(from: PlacedTask, to: string): Promise<Answer<Who>> {
    return this.tell(from, 'call', { to });
  }

  /** Changes a service, and resolves with its one task once that is another. */
  async update(service: string, ...words: readonly string[]): Promise<PlacedTask> {
    const before = await this.task(service);
    await this.docker('service', 'update', '--detach', ...words, `${stack}_${service}`);
    await until(
      async () => await this.#running(service),
      ([first, ...others]) =>
        first !== undefined && others.length === 0 && first.containerId !== before.containerId,
    );
    return await this.task(service);
  }

  /** Resolves when a call is answered as it should be. */
  async untilCall(
    from: PlacedTask,
    of: { readonly to: string; readonly isRight: (answer: Answer<Who>) => boolean },
  ): Promise<void> {
    await until(async () => await this.call(from, of.to), of.isRight);
  }

  async virtualAddress(service: string, network: string): Promise<string> {
    const format = '{{range .Endpoint.VirtualIPs}}{{.NetworkID}}={{.Addr}} {{end}}';
    const words = ['service', 'inspect', `${stack}_${service}`, `--format=${format}`];
    const id = await this.networkId(network);
    const found = (await this.docker(...words)).split(' ').find((one) => one.startsWith(id));
    assert.ok(found, `${service} has no virtual address on ${network}`);
    return found.split('=')[1]?.split('/')[0] ?? '';
  }

  /** VXLAN devices of a host. */
  async spans(host: string): Promise<readonly string[]> {
    const { stdout } = await this.hosts.enter(host, ['ip', '-o', 'link', 'show', 'type', 'vxlan']);
    return stdout
      .split('\n')
      .flatMap((line) => /^\d+: ([^:@]+)/.exec(line)?.[1] ?? [])
      .toSorted();
  }

  /** Numbers and names of the devices that encrypt. */
  async tunnels(host: string): Promise<readonly string[]> {
    const { stdout } = await this.hosts.enter(host, ['ip', '-o', 'link', 'show']);
    return stdout.split('\n').flatMap((line) => /^\d+: tt-\w+-w(?=:)/.exec(line)?.[0] ?? []);
  }

  /** What a host has of networks of the cluster. */
  async remains(host: string): Promise<readonly string[]> {
    const label = 'label=dev.tutti.network';
    const networks = await this.hosts.engine(host, 'network', 'ls', '--quiet', '--filter', label);
    const permanent = ['ip', 'neighbour', 'show', 'nud', 'permanent'];
    const { stdout: neighbours } = await this.hosts.enter(host, permanent);
    const { stdout: rules } = await this.hosts.enter(host, ['ip', 'rule', 'show']);
    const ofBridges = rules.split('\n').filter((rule) => rule.includes(bridgePrefix));
    const lines = [networks, neighbours].flatMap((text) => text.split('\n')).concat(ofBridges);
    const devices = [...(await this.spans(host)), ...(await this.tunnels(host))];
    return [...devices, ...lines.filter((line) => line !== '')];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.hosts[Symbol.asyncDispose]();
  }
}
