import assert from 'node:assert/strict';
import { requestEngine } from '../../tools/engine/engine-request.ts';
import type { TestNode } from '../fixture/test-node.ts';

export interface Who {
  readonly host: string;
  readonly client: string;
  readonly isStopping: boolean;
}

export interface Answer<Value> {
  readonly value?: Value;
  readonly error?: string;
}

interface Inspect {
  readonly Id: string;
  readonly Name: string;
  readonly State: { readonly Running: boolean };
  readonly Config: {
    readonly Hostname: string;
    readonly Labels: Readonly<Record<string, string>>;
  };
  readonly NetworkSettings: {
    readonly Networks: Readonly<Record<string, { readonly IPAddress: string }>>;
  };
}

/** A program of `task.ts` that does as it is told. */
export class Peer {
  readonly #control: string;

  /** `control`: an address at which this host reaches it. */
  constructor(control: string) {
    this.#control = control;
  }

  lookup(name: string): Promise<Answer<readonly string[]>> {
    return this.#ask('lookup', { name });
  }

  query(name: string, more: { readonly type?: string; readonly server?: string } = {}) {
    return this.#ask<unknown>('query', { name, ...more });
  }

  call(to: string): Promise<Answer<Who>> {
    return this.#ask('call', { to });
  }

  /** One datagram, from that port where it is given. */
  send(to: string, from = 0): Promise<Answer<Who>> {
    return this.#ask('send', { to, from: String(from) });
  }

  /** A query for an address of `web` by one datagram from that port; the answer, hexadecimal. */
  queryFrom(port: number, server: string): Promise<Answer<string>> {
    const bytes = 'beef01000001000000000000037765620000010001';
    return this.#ask('send', { to: `${server}:53`, from: String(port), bytes });
  }

  /** What a stream says until its end. */
  follow(to: string): Promise<Answer<string>> {
    return this.#ask('follow', { to });
  }

  async untilUp(): Promise<void> {
    const isUp = () =>
      fetch(`http://${this.#control}/who`).then(
        (response) => response.ok,
        () => false,
      );
    await until(isUp, (up) => up);
  }

  becomeHealthy(): Promise<Answer<boolean>> {
    return this.#ask('healthy', {});
  }

  async #ask<Value>(
    what: string,
    parameters: Readonly<Record<string, string>>,
  ): Promise<Answer<Value>> {
    const query = new URLSearchParams(parameters).toString();
    const response = await fetch(`http://${this.#control}/${what}?${query}`);
    return (await response.json()) as Answer<Value>;
  }
}

/** A container of the stack. */
export interface TaskContainer extends Peer {
  readonly id: string;
  readonly name: string;
  readonly taskId: string;
  readonly hostname: string;
  /** By name of the network, without the stack's. */
  readonly addresses: ReadonlyMap<string, string>;
}

class Container extends Peer implements TaskContainer {
  readonly id: string;
  readonly name: string;
  readonly taskId: string;
  readonly hostname: string;
  readonly addresses: ReadonlyMap<string, string>;

  constructor(inspect: Inspect, networks: ReadonlyMap<string, string>) {
    const addresses = new Map(
      Object.entries(inspect.NetworkSettings.Networks).map(([id, { IPAddress }]) => [
        // The ingress network has a name that sorts before all others.
        networks.get(id.replace(/^00-/, '')) ?? id,
        IPAddress,
      ]),
    );
    super([...addresses.values()][0] ?? '');
    this.id = inspect.Id;
    this.name = inspect.Name.slice(1);
    this.taskId = inspect.Config.Labels['com.docker.swarm.task.id'] ?? '';
    this.hostname = inspect.Config.Hostname;
    this.addresses = addresses;
  }
}

/** The deployed stack of `compose.yml`. */
export class NetworkStack {
  readonly name: string;
  readonly #node: TestNode;

  constructor(node: TestNode, name: string) {
    this.#node = node;
    this.name = name;
  }

  /** How many containers of a service run now. */
  async count(service: string): Promise<number> {
    return (await this.#list(service)).length;
  }

  async #list(service: string): Promise<readonly { readonly Id: string }[]> {
    const label = `com.docker.swarm.service.name=${this.name}_${service}`;
    const filters = encodeURIComponent(JSON.stringify({ label: [label] }));
    return await this.#engine(`/containers/json?filters=${filters}`);
  }

  /** The containers of a service that run now. */
  async containers(service: string): Promise<readonly TaskContainer[]> {
    const networks = await this.#networks();
    const list = await this.#list(service);
    const all = list.map(({ Id }) => this.#engine<Inspect>(`/containers/${Id}/json`));
    const found = (await Promise.all(all)).map((one) => new Container(one, networks));
    // A container runs before its program listens.
    await Promise.all(found.map((one) => one.untilUp()));
    return found;
  }

  async container(service: string): Promise<TaskContainer> {
    const [first] = await this.containers(service);
    assert.ok(first, `no container of ${service} runs`);
    return first;
  }

  /** The virtual address of a service on a network. */
  async virtualAddress(service: string, network: string): Promise<string> {
    const format = '{{json .Endpoint.VirtualIPs}}';
    const text = await this.#node.docker(
      'service',
      'inspect',
      `${this.name}_${service}`,
      '--format',
      format,
    );
    const addresses = JSON.parse(text) as readonly {
      readonly NetworkID: string;
      readonly Addr: string;
    }[];
    const networks = await this.#networks();
    const found = addresses.find(({ NetworkID }) => networks.get(NetworkID) === network);
    assert.ok(found, `${service} has no virtual address on ${network}`);
    return found.Addr.split('/')[0] ?? '';
  }

  /** By short name. */
  async networkId(name: string): Promise<string> {
    const found = [...(await this.#networks())].find(([, short]) => short === name);
    assert.ok(found, `there is no network ${name}`);
    return found[0];
  }

  /** Short names by id. */
  async #networks(): Promise<ReadonlyMap<string, string>> {
    const text = await this.#node.docker(
      'network',
      'ls',
      '--no-trunc',
      '--format={{.ID}} {{.Name}}',
    );
    return new Map(
      text.split('\n').map((line) => {
        const [id = '', name = ''] = line.split(' ');
        return [id, name.replace(`${this.name}_`, '')];
      }),
    );
  }

  async #engine<Reply>(path: string): Promise<Reply> {
    const { body } = await requestEngine(this.#node.engineSocket, { path });
    return JSON.parse(body) as Reply;
  }
}

/** Asks again until the answer is right; the last one is in the error. */
export async function until<Value>(
  ask: () => Promise<Value>,
  isRight: (value: Value) => boolean,
): Promise<Value> {
  const giveUpAt = Date.now() + untilLimitMs;
  for (;;) {
    const value = await ask();
    if (isRight(value)) return value;
    if (Date.now() > giveUpAt) assert.fail(`it stays at ${JSON.stringify(value)}`);
    await new Promise((resolve) => setTimeout(resolve, untilPauseMs));
  }
}

const untilLimitMs = 20_000;
const untilPauseMs = 50;
