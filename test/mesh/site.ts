import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { hardwareAddress } from '../../src/lib/hardware-address.ts';
import type { CatalogNode } from '../../src/model/assignment.ts';
import { bridgeName, spanName } from '../../src/overlay/bridge-name.ts';
import { expectRun } from '../network/expect-run.ts';

const networkId = 'ingress0';
const gateway = '10.255.0.1';
export const bridge = bridgeName(networkId);
export const device = spanName(networkId);
export const taskAddress = '10.255.0.7';
/** Of a second one, on another node, which there is only in some tests. */
export const secondTaskAddress = '10.255.0.9';
const publishedPort = '8080';

/** The node that has the task, two that take callers in, and a caller that all of them reach. */
export const addresses = {
  home: '192.0.2.2',
  asked: '192.0.2.1',
  other: '192.0.2.4',
  near: '192.0.2.50',
} as const;
/**
 * One that only the node that is asked reaches, by a narrow link; and that node's address there.
 */
export const far = { address: '198.51.100.50', gateway: '198.51.100.1', mtu: '1280' } as const;
/** Another one of the node that has the task. */
export const secondAddress = '203.0.113.2';

type Place = keyof typeof addresses | 'far' | 'task' | 'second-task';
type NodeName = 'home' | 'asked' | 'other';
const nodeNames: readonly NodeName[] = ['home', 'asked', 'other'];
const program = (name: string): string => join(import.meta.dirname, name);
const namespace = (place: Place | 'switch'): string => `mesh-${place}`;

type Running = ChildProcessByStdio<Writable, Readable, null>;

function startIn(place: Place, command: readonly string[]): Running {
  const inside = ['netns', 'exec', namespace(place), process.execPath];
  return spawn('ip', [...inside, ...command], { stdio: ['pipe', 'pipe', 'inherit'] });
}

async function run(place: Place | 'switch', ...command: readonly string[]): Promise<string> {
  return await expectRun('ip', 'netns', 'exec', namespace(place), ...command);
}

async function end(child: Running): Promise<void> {
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

/** A process that answers each line with one. */
export class Conversation implements AsyncDisposable {
  readonly #child: Running;
  readonly #lines: Interface;

  constructor(child: Running) {
    this.#child = child;
    this.#lines = createInterface({ input: child.stdout });
  }

  async hear(): Promise<string> {
    const over = new AbortController();
    const stop = (): void => over.abort();
    this.#lines.once('close', stop);
    const [line] = (await once(this.#lines, 'line', { signal: over.signal })) as [string];
    this.#lines.off('close', stop);
    return line;
  }

  async tell(line: string): Promise<string> {
    this.#child.stdin.write(`${line}\n`);
    return await this.hear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await end(this.#child);
  }
}

/** Three nodes without container engines, one task, and callers; a namespace for each. */
export class MeshSite implements AsyncDisposable {
  readonly #directory: string;
  readonly #holders = new Map<NodeName, Conversation>();
  readonly #serving: Running[] = [];

  private constructor(directory: string) {
    this.#directory = directory;
  }

  static async start(): Promise<MeshSite> {
    const site = new MeshSite(await mkdtemp(join(tmpdir(), 'mesh-')));
    await addSwitch();
    for (const [place, address] of Object.entries(addresses)) {
      await addToSwitch(place as keyof typeof addresses, address);
    }
    for (const node of nodeNames) await makeNode(node);
    await run('home', 'ip', 'address', 'add', `${secondAddress}/32`, 'dev', 'lo');
    await run('asked', 'ip', 'route', 'add', `${secondAddress}/32`, 'via', addresses.home);
    await run('home', 'ip', 'route', 'add', 'default', 'via', addresses.other);
    await addFar();
    await addTask('task', { node: 'home', address: taskAddress });
    await addTask('second-task', { node: 'other', address: secondTaskAddress });
    for (const place of ['task', 'second-task'] as const) {
      const serving = startIn(place, [program('echo.ts'), 'serve']);
      site.#serving.push(serving);
      await once(serving.stdout, 'data');
    }
    for (const node of nodeNames) site.#hold(node);
    await site.show();
    return site;
  }

  #hold(node: NodeName): void {
    const holder = startIn(node, [program('holder.ts'), this.#directory]);
    this.#holders.set(node, new Conversation(holder));
  }

  /** As after an upgrade of its daemon. */
  async restart(node: NodeName): Promise<void> {
    await this.#holders.get(node)?.[Symbol.asyncDispose]();
    this.#hold(node);
    await this.#tell(node, `show ${viewOf(node, {})}`);
  }

  async #tell(node: NodeName, line: string): Promise<readonly string[]> {
    return (await this.#holders.get(node)?.tell(line))?.split(' ') ?? [];
  }

  async show(how: Shown = {}): Promise<void> {
    for (const node of nodeNames) {
      if (how.down?.includes(node) !== true) await this.#tell(node, `show ${viewOf(node, how)}`);
    }
  }

  /** Returns how often drift was found until now. */
  async recheck(node: NodeName): Promise<number> {
    const [driftCount] = await this.#tell(node, 'recheck');
    return Number(driftCount);
  }

  /** Looks again, and says whether the node takes callers of others. */
  async takesCallers(node: NodeName): Promise<boolean> {
    const [, takes] = await this.#tell(node, 'recheck');
    return takes === 'true';
  }

  async remove(node: NodeName): Promise<void> {
    await this.#tell(node, 'remove');
  }

  async run(place: Place, ...command: readonly string[]): Promise<string> {
    return await run(place, ...command);
  }

  /** Whom the task sees, its address alone; `nobody`: there was no answer. */
  async ask(from: Place, to: string, port = publishedPort): Promise<string> {
    return (await this.#echo(from, 'ask', to, port)).split(' ')[0] ?? '';
  }

  /** The address of the task that answers. */
  async answering(from: Place, to: string): Promise<string> {
    return (await this.#echo(from, 'ask', to, publishedPort)).split(' ')[2] ?? 'nobody';
  }

  /** The same over UDP, with how much arrived. */
  async send(from: Place, to: string, size: number): Promise<string> {
    const [address, , count] = (
      await this.#echo(from, 'send', to, publishedPort, '0', String(size))
    ).split(' ');
    return [address, count].join(' ');
  }

  /** How much of as much comes back. */
  async push(from: Place, to: string, size: number): Promise<number> {
    return Number(await this.#echo(from, 'push', to, publishedPort, String(size)));
  }

  /** A connection from a port that stays open, and asks with each line. */
  hold(from: Place, to: string, port: number): Conversation {
    const order = [program('echo.ts'), 'hold', to, publishedPort, String(port)];
    return new Conversation(startIn(from, order));
  }

  async #echo(from: Place, ...order: readonly string[]): Promise<string> {
    return (await run(from, process.execPath, program('echo.ts'), ...order)).trim();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const holder of this.#holders.values()) await holder[Symbol.asyncDispose]();
    for (const serving of this.#serving) await end(serving);
    const others = ['far', 'task', 'second-task', 'switch'];
    const places = [...Object.keys(addresses), ...others] as readonly Place[];
    for (const place of places) await expectRun('ip', 'netns', 'delete', namespace(place));
    await rm(this.#directory, { recursive: true });
  }
}

async function addNamespace(place: Place | 'switch'): Promise<void> {
  await expectRun('ip', 'netns', 'add', namespace(place));
  await run(place, 'ip', 'link', 'set', 'lo', 'up');
}

async function addSwitch(): Promise<void> {
  await addNamespace('switch');
  await run('switch', 'ip', 'link', 'add', 'switch', 'type', 'bridge');
  await run('switch', 'ip', 'link', 'set', 'switch', 'up');
}

async function addToSwitch(place: keyof typeof addresses, address: string): Promise<void> {
  await addNamespace(place);
  const peer = ['type', 'veth', 'peer', 'eth0', 'netns', namespace(place)];
  await run('switch', 'ip', 'link', 'add', place, ...peer);
  await run('switch', 'ip', 'link', 'set', place, 'master', 'switch', 'up');
  await run(place, 'ip', 'address', 'add', `${address}/24`, 'dev', 'eth0');
  await run(place, 'ip', 'link', 'set', 'eth0', 'up');
}

/** As a container engine leaves a machine, and as strict about ways as machines get. */
async function makeNode(node: NodeName): Promise<void> {
  const settings = ['ip_forward=1', 'conf.default.rp_filter=1', 'conf.eth0.rp_filter=1'];
  for (const setting of settings) await run(node, 'sysctl', '-qw', `net.ipv4.${setting}`);
  await run(node, 'ip', 'link', 'add', bridge, 'type', 'bridge');
  await run(node, 'ip', 'address', 'add', `${gateway}/16`, 'dev', bridge);
  await run(node, 'ip', 'link', 'set', bridge, 'up');
  const rules = [
    ['-P', 'FORWARD', 'DROP'],
    ['-N', 'DOCKER-USER'],
    ['-A', 'FORWARD', '-j', 'DOCKER-USER'],
    ['-A', 'FORWARD', '-o', bridge, '-m', 'conntrack', '--ctstate', 'ESTABLISHED', '-j', 'ACCEPT'],
    ['-A', 'FORWARD', '-i', bridge, '!', '-o', bridge, '-j', 'ACCEPT'],
    [
      '-t',
      'nat',
      '-A',
      'POSTROUTING',
      '-s',
      '10.255.0.0/16',
      '!',
      '-o',
      bridge,
      '-j',
      'MASQUERADE',
    ],
  ];
  for (const rule of rules) await run(node, 'iptables', '-w', ...rule);
}

async function addFar(): Promise<void> {
  await addNamespace('far');
  const peer = ['type', 'veth', 'peer', 'eth0', 'netns', namespace('far')];
  await run('asked', 'ip', 'link', 'add', 'eth1', ...peer);
  await run('asked', 'ip', 'address', 'add', `${far.gateway}/24`, 'dev', 'eth1');
  await run('asked', 'ip', 'link', 'set', 'eth1', 'mtu', far.mtu, 'up');
  await run('far', 'ip', 'address', 'add', `${far.address}/24`, 'dev', 'eth0');
  await run('far', 'ip', 'link', 'set', 'eth0', 'mtu', far.mtu, 'up');
  await run('far', 'ip', 'route', 'add', 'default', 'via', far.gateway);
}

async function addTask(
  place: 'task' | 'second-task',
  { node, address }: { readonly node: NodeName; readonly address: string },
): Promise<void> {
  await addNamespace(place);
  const peer = ['type', 'veth', 'peer', 'eth0', 'netns', namespace(place)];
  await run(node, 'ip', 'link', 'add', 'port', ...peer);
  await run(node, 'ip', 'link', 'set', 'port', 'mtu', '1450', 'master', bridge, 'up');
  const own = ['address', hardwareAddress(address), 'mtu', '1450'];
  await run(place, 'ip', 'link', 'set', 'eth0', ...own);
  await run(place, 'ip', 'address', 'add', `${address}/16`, 'dev', 'eth0');
  await run(place, 'ip', 'link', 'set', 'eth0', 'up');
  await run(place, 'ip', 'route', 'add', 'default', 'via', gateway);
}

interface Shown {
  /** Nodes whose program leads callers on in its own name. */
  readonly old?: readonly NodeName[];
  /** Nodes that are down: what is shown there stays as it is, as without a daemon. */
  readonly down?: readonly NodeName[];
  /** Those that are ready. */
  readonly tasks?: readonly ('first' | 'second')[];
  /** Each caller is to have one of them. */
  readonly isSticky?: boolean;
}

/** What the catalog says at a node, as JSON. */
function viewOf(
  nodeId: NodeName,
  { old = [], down = [], tasks = ['first'], isSticky = false }: Shown,
): string {
  const nodes = nodeNames.map((name): readonly [string, CatalogNode] => {
    const address = addresses[name];
    const ownAddresses = name === 'home' ? [address, secondAddress] : [address];
    return [name, { nodeId: name, address, ...(!old.includes(name) && { ownAddresses }) }];
  });
  const network = {
    networkId,
    name: 'ingress',
    labels: {},
    subnet: '10.255.0.0/16',
    gateway,
    internal: false,
    ingress: true,
    vxlan: { id: 4_097, port: 4_789 },
    driverOptions: {},
    predefined: false,
  };
  const port = { targetPort: 80, publishedPort: Number(publishedPort), mode: 'ingress' };
  const web = {
    serviceId: 'web',
    name: 'web',
    endpointMode: 'vip',
    networks: [],
    ports: ['tcp', 'udp'].map((protocol) => ({ ...port, protocol })),
    ...(isSticky && { affinity: 'client-ip' }),
  };
  const first = {
    taskId: 'first',
    serviceId: 'web',
    nodeId: 'home',
    name: 'web.1.task',
    addresses: [{ networkId, address: `${taskAddress}/16` }],
    ready: true,
  };
  const second = {
    ...first,
    taskId: 'second',
    nodeId: 'other',
    addresses: [{ networkId, address: `${secondTaskAddress}/16` }],
  };
  const all = { first, second };
  return JSON.stringify({
    nodeId,
    networks: [[networkId, network]],
    services: [['web', web]],
    tasks: tasks.map((name) => [name, all[name]]),
    nodes: nodes.filter(([name]) => !down.some((one) => one === name)),
    downNodes: nodes.filter(([name]) => down.some((one) => one === name)),
  });
}
