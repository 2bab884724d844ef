import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { smallMachine } from '../../sim/scripted-agent.ts';
import type { NodeIdentity } from '../../src/host/node-identity.ts';
import { createCluster } from '../../src/manager/cluster.ts';
import { makeRoot } from '../../src/manager/cluster-root.ts';
import { clusterDefaults } from '../../src/model/cluster.ts';
import type { Node, NodeRole } from '../../src/model/node.ts';
import type { Root } from '../../src/model/root.ts';
import { NodeIdentityFile } from '../../src/os/certificates-files.ts';
import { SealingKey } from '../../src/os/certificates-seal.ts';
import { type DataLayout, openDataLayout } from '../../src/os/data-layout.ts';
import { EtcdClient } from '../../src/os/etcd-client.ts';
import { EtcdEngine } from '../../src/os/etcd-engine.ts';
import { etcdClientSocket } from '../../src/os/etcd-flags.ts';
import { UnixSocketPeer } from '../../src/os/http-peer.ts';
import { listProcesses } from '../../src/os/machine-processes.ts';
import { writeSeat } from '../../src/os/manager-seat.ts';
import { MachineKeys } from '../../src/os/node-keys.ts';
import { SealedEngine } from '../../src/os/sealed-engine.ts';
import { writeStoreMarker } from '../../src/os/store-marker.ts';
import { Store } from '../../src/store/store.ts';
import { repositoryRoot } from '../../tools/root.ts';
import { certificatesCommand, Workshop } from '../certificates/workshop.ts';
import { freePorts } from '../etcd/test-etcd.ts';

const clusterId = 'c1';
const dayMs = 86_400_000;
const startLimitMs = 60_000;

/** One manager: its process, its etcd, its API. */
export class SeatedProcess {
  readonly nodeId: string;
  readonly layout: DataLayout;
  readonly api: UnixSocketPeer;
  #child: ChildProcess | undefined;

  constructor(nodeId: string, layout: DataLayout) {
    this.nodeId = nodeId;
    this.layout = layout;
    this.api = new UnixSocketPeer(layout.managerApiSocket);
  }

  start(): void {
    const log = openSync(this.layout.managerLogPath, 'a');
    const main = join(repositoryRoot, 'src/main.ts');
    const parameters = ['--disable-warning=ExperimentalWarning', main, 'manager'];
    this.#child = spawn(process.execPath, [...parameters, this.layout.dataDirectory], {
      stdio: ['ignore', log, log],
    });
    closeSync(log);
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  /** Resolves when the process has ended by itself. */
  async gone(): Promise<void> {
    const child = this.#child;
    if (child?.exitCode === null && child.signalCode === null) await once(child, 'exit');
  }

  signalEtcd(signal: NodeJS.Signals): void {
    const pid = this.#etcdPid();
    if (pid !== undefined) process.kill(pid, signal);
  }

  get log(): string {
    return readFileSync(this.layout.managerLogPath, 'utf8');
  }

  /** Asks this manager; what it answers, or `undefined` where it did not within the time. */
  async ask(
    method: 'GET' | 'POST',
    ...[target, body, limitMs = 8_000]: readonly [target: string, body?: object, limitMs?: number]
  ): Promise<{ readonly status: number; readonly value: unknown } | undefined> {
    try {
      const { status, body: bytes } = await this.api.call({
        method,
        target,
        headers: { 'content-type': 'application/json' },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(limitMs),
      });
      const text = Buffer.from(bytes).toString();
      return { status, value: text === '' ? undefined : JSON.parse(text) };
    } catch {
      // Killed, frozen, or gone in the middle: what came of it is asked of the others.
      return undefined;
    }
  }

  async end(): Promise<void> {
    const child = this.#child;
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      const gone = once(child, 'exit');
      child.kill('SIGCONT');
      child.kill('SIGKILL');
      await gone;
    }
    this.signalEtcd('SIGKILL');
    this.api.close();
  }

  #etcdPid(): number | undefined {
    const own = `--data-dir=${join(this.layout.etcdDirectory, 'data')}`;
    return listProcesses([]).find(({ words }) => words.includes(own))?.pid;
  }
}

/** Managers on this machine with an etcd each; what a move and joins would have made is written. */
export class SeatedCluster implements AsyncDisposable {
  readonly managers: readonly SeatedProcess[];
  readonly #workshop: Workshop;
  readonly #root: Root;
  readonly #addresses: readonly string[];

  private constructor(made: {
    readonly managers: readonly SeatedProcess[];
    readonly workshop: Workshop;
    readonly root: Root;
    readonly addresses: readonly string[];
  }) {
    this.managers = made.managers;
    this.#workshop = made.workshop;
    this.#root = made.root;
    this.#addresses = made.addresses;
  }

  /** Resolves when one leads and all serve. */
  static async start(size: number): Promise<SeatedCluster> {
    const workshop = await Workshop.open();
    const root = await makeRoot(workshop.authority, Date.now());
    const ports = await freePorts(size * 2);
    const addresses = ports.slice(0, size).map((port) => `127.0.0.1:${port}`);
    const names = addresses.map((_, index) => `manager${index}`);
    const firstMembers = ports.slice(size).map((port, index) => {
      return { name: names[index] ?? '', peerUrl: `http://127.0.0.1:${port}` };
    });
    const managers: SeatedProcess[] = [];
    for (const name of names) {
      const layout = await openDataLayout(join(workshop.directory, name));
      managers.push(new SeatedProcess(name, layout));
    }
    const cluster = new SeatedCluster({ managers, workshop, root, addresses });
    try {
      await cluster.#write(firstMembers);
      return cluster;
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** A node with its certificate; managers are believed from the row on. */
  async identity(nodeId: string, role: NodeRole): Promise<NodeIdentity> {
    const { sealedKey = '', certificate } = this.#root;
    const made = await this.#workshop.authority.issue({
      nodeId,
      role,
      clusterId,
      issuer: { certificate, sealedKey },
      notBefore: Date.now() - dayMs,
      notAfter: Date.now() + dayMs,
    });
    const managers = this.managers.map((manager, index) => {
      return { nodeId: manager.nodeId, address: this.#addresses[index] ?? '' };
    });
    const roots = [certificate];
    const membership = { clusterId, certificate: made.certificate, roots, managers, role };
    return { nodeId, key: made.key, membership: { ...membership, address: '127.0.0.1' } };
  }

  /** Of the nodes as the manager that leads knows them. */
  async leader(): Promise<SeatedProcess> {
    const until = Date.now() + startLimitMs;
    while (Date.now() < until) {
      for (const manager of this.managers) {
        const found = await manager.ask('GET', '/nodes', undefined, 2_000);
        if (found?.status !== 200) continue;
        const nodes = found.value as readonly {
          ID: string;
          ManagerStatus?: { Leader?: boolean };
        }[];
        const leaderId = nodes.find((node) => node.ManagerStatus?.Leader === true)?.ID;
        const leader = this.managers.find(({ nodeId }) => nodeId === leaderId);
        if (leader !== undefined) return leader;
      }
      await sleep(50);
    }
    throw new Error('nobody leads');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.managers.map(async (manager) => await manager.end()));
    await this.#workshop[Symbol.asyncDispose]();
  }

  async #write(
    firstMembers: readonly { readonly name: string; readonly peerUrl: string }[],
  ): Promise<void> {
    const keys = new MachineKeys({ command: certificatesCommand });
    const rows: Node[] = [];
    for (const [index, { nodeId, layout }] of this.managers.entries()) {
      const identity = await this.identity(nodeId, 'manager');
      const address = this.#addresses[index] ?? '';
      const peerUrl = firstMembers[index]?.peerUrl ?? '';
      await new NodeIdentityFile(layout.identityPath).save(identity);
      await copyFile(join(this.#workshop.directory, 'sealing.key'), layout.sealingKeyPath);
      await mkdir(layout.etcdDirectory, { recursive: true });
      await writeSeat(layout.seatPath, {
        nodeId,
        clusterId,
        listenAddress: address,
        etcd: {
          name: nodeId,
          directory: layout.etcdDirectory,
          listenHost: '127.0.0.1',
          peerUrl,
          firstMembers,
          clusterId,
          start: 'found',
        },
      });
      await writeStoreMarker(layout.storeMarkerPath, 'etcd');
      rows.push(nodeRow(nodeId, { keyDigest: keys.digestOf(identity.key), address, peerUrl }));
    }
    rows.push(nodeRow('worker0', { keyDigest: keys.digestOf(await this.#workerKey()) }));
    keys.close();
    for (const manager of this.managers) manager.start();
    await this.#seed(rows);
  }

  worker: NodeIdentity | undefined;

  async #workerKey(): Promise<string> {
    this.worker = await this.identity('worker0', 'worker');
    return this.worker.key;
  }

  /** What a cluster that was moved to etcd has in its store. */
  async #seed(rows: readonly Node[]): Promise<void> {
    const directory = this.managers[0]?.layout.etcdDirectory ?? '';
    const path = etcdClientSocket(directory);
    const client = new EtcdClient({ endpoints: [{ kind: 'socket', path }], limitMs: startLimitMs });
    const key = new SealingKey(join(this.#workshop.directory, 'sealing.key'));
    const store = await Store.open(new SealedEngine({ engine: new EtcdEngine({ client }), key }));
    let ids = 0;
    await store.update((tx) => {
      createCluster(
        tx,
        {
          advertiseAddress: this.#addresses[0] ?? '',
          defaultAddressPools: [],
          subnetPrefixLength: 24,
          dataPathPort: 0,
          spec: clusterDefaults,
          availability: 'active',
          forceNewCluster: false,
        },
        {
          root: this.#root,
          randomBytes: (count) => new Uint8Array(count).fill(7),
          context: {
            now: Date.now(),
            newId: () => (ids++ === 0 ? clusterId : `made${ids}`),
            addressReuse: { next: () => undefined },
            touched: nothingTouched,
          } as never,
        },
      );
      for (const row of rows) tx.nodes.put(row);
    });
    await store.close();
    client.close();
  }
}

const nothingTouched = {
  service: () => undefined,
  network: () => undefined,
  node: () => undefined,
  units: () => undefined,
};

function nodeRow(
  id: string,
  of: { readonly keyDigest: string; readonly address?: string; readonly peerUrl?: string },
): Node {
  const { keyDigest, address, peerUrl } = of;
  const isManager = address !== undefined && peerUrl !== undefined;
  return {
    id,
    version: 1,
    createdAt: 0,
    updatedAt: 0,
    spec: { role: isManager ? 'manager' : 'worker', availability: 'active', labels: {} },
    description: { ...smallMachine, hostname: id, address: '127.0.0.1' },
    keyDigest,
    ...(isManager && { seat: { address, peerUrl } }),
  };
}
