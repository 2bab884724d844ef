import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Logger } from '../../src/host/logger.ts';
import { EtcdClient } from '../../src/os/etcd-client.ts';
import type { EtcdEndpoint } from '../../src/os/etcd-channel.ts';
import { type EtcdMemberPlan, type EtcdTiming, etcdClientSocket } from '../../src/os/etcd-flags.ts';
import { decodeStatus, type EtcdStatus } from '../../src/os/etcd-member-messages.ts';
import { EtcdProcess } from '../../src/os/etcd-process.ts';
import { SystemClock } from '../../src/os/system-clock.ts';

const silent: Logger = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

/** One member of a cluster on this machine, under its supervisor. */
export class TestMember {
  readonly plan: EtcdMemberPlan;
  readonly endpoint: EtcdEndpoint;
  readonly #stop = new AbortController();
  readonly #process: EtcdProcess;
  readonly #running: Promise<void>;

  constructor(plan: EtcdMemberPlan) {
    this.plan = plan;
    this.endpoint = { kind: 'socket', path: etcdClientSocket(plan.directory) };
    this.#process = new EtcdProcess({ plan, clock: new SystemClock(), logger: silent });
    this.#running = this.#process.run(this.#stop.signal);
  }

  /** Of the process that lives. */
  get pid(): number | undefined {
    return this.#process.pid;
  }

  signal(signal: NodeJS.Signals): void {
    if (this.pid !== undefined) process.kill(this.pid, signal);
  }

  async status(): Promise<EtcdStatus> {
    const client = new EtcdClient({ endpoints: [this.endpoint] });
    try {
      return await statusOf(client);
    } finally {
      client.close();
    }
  }

  async stop(): Promise<void> {
    this.signal('SIGCONT');
    this.#stop.abort();
    await this.#running;
  }
}

async function statusOf(client: EtcdClient): Promise<EtcdStatus> {
  const message = Buffer.alloc(0);
  return decodeStatus(await client.ask('etcdserverpb.Maintenance/Status', { message }));
}

/** A cluster of etcd on the loopback interface, for one test. */
export class TestEtcd {
  readonly members: readonly TestMember[];
  readonly #directory: string;

  private constructor(directory: string, members: readonly TestMember[]) {
    this.#directory = directory;
    this.members = members;
  }

  /** Resolves when it takes writes. */
  static async start(
    size: number,
    options: { readonly timing?: EtcdTiming; readonly quotaBytes?: number } = {},
  ): Promise<TestEtcd> {
    const directory = mkdtempSync(join(tmpdir(), 'tutti-etcd-'));
    const firstMembers: { name: string; peerUrl: string }[] = [];
    for (const port of await freePorts(size)) {
      const name = `m${firstMembers.length + 1}`;
      firstMembers.push({ name, peerUrl: `http://127.0.0.1:${port}` });
    }
    const members = firstMembers.map(
      ({ name, peerUrl }) =>
        new TestMember({
          name,
          peerUrl,
          firstMembers,
          directory: join(directory, name),
          listenHost: '127.0.0.1',
          clusterId: 'test',
          start: 'found',
          ...options,
        }),
    );
    const cluster = new TestEtcd(directory, members);
    const client = cluster.client();
    await client.transact({ compares: [], success: [] });
    client.close();
    return cluster;
  }

  /** Asks the members in turn, from the one with this index on. */
  client(first = 0): EtcdClient {
    const { members } = this;
    const [one, ...others] = members.map(
      (_, index) => (members[(first + index) % members.length] as TestMember).endpoint,
    );
    if (one === undefined) throw new Error('a cluster has members');
    return new EtcdClient({ endpoints: [one, ...others], limitMs: 15_000 });
  }

  /** The member that leads. */
  async leader(): Promise<TestMember> {
    for (;;) {
      for (const member of this.members) {
        const { memberId, leaderId } = await member.status();
        if (memberId === leaderId) return member;
      }
    }
  }

  async stop(): Promise<void> {
    await Promise.all(this.members.map(async (member) => await member.stop()));
    rmSync(this.#directory, { recursive: true });
  }
}

async function freePorts(count: number): Promise<readonly number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  const ports: number[] = [];
  for (const server of servers) {
    if (!server.listening) await once(server, 'listening');
    const address = server.address();
    if (address !== null && typeof address === 'object') ports.push(address.port);
  }
  for (const server of servers) server.close();
  return ports;
}
