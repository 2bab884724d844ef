import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../../src/host/logger.ts';
import { EtcdClient } from '../../src/os/etcd-client.ts';
import type { EtcdEndpoint } from '../../src/os/etcd-channel.ts';
import {
  type EtcdMemberPlan,
  type EtcdPeerFiles,
  type EtcdTiming,
  etcdClientSocket,
} from '../../src/os/etcd-flags.ts';
import { decodeStatus, type EtcdStatus } from '../../src/os/etcd-member-messages.ts';
import { EtcdMembers } from '../../src/os/etcd-members.ts';
import { EtcdProcess } from '../../src/os/etcd-process.ts';
import { SystemClock } from '../../src/os/system-clock.ts';

const leaderRounds = 200;
const leaderPollMs = 50;

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
    this.#stop.abort();
    // Asked kindly, each would try to give its lead to another one that ends, for seconds.
    this.signal('SIGKILL');
    await this.#running;
  }
}

async function statusOf(client: EtcdClient): Promise<EtcdStatus> {
  const message = Buffer.alloc(0);
  return decodeStatus(await client.ask('etcdserverpb.Maintenance/Status', { message }));
}

/** A cluster of etcd on the loopback interface, for one test. */
export class TestEtcd {
  readonly members: TestMember[];
  readonly #directory: string;

  private constructor(directory: string, members: TestMember[]) {
    this.#directory = directory;
    this.members = members;
  }

  /** Resolves when it takes writes. */
  static async start(
    size: number,
    options: {
      readonly timing?: EtcdTiming;
      readonly quotaBytes?: number;
      readonly tls?: EtcdPeerFiles;
    } = {},
  ): Promise<TestEtcd> {
    const directory = mkdtempSync(join(tmpdir(), 'tutti-etcd-'));
    const scheme = options.tls === undefined ? 'http' : 'https';
    const firstMembers: { name: string; peerUrl: string }[] = [];
    for (const port of await freePorts(size)) {
      const name = `m${firstMembers.length + 1}`;
      firstMembers.push({ name, peerUrl: `${scheme}://127.0.0.1:${port}` });
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
    await client.range({ key: 'a', end: 'b', limit: 1 });
    client.close();
    return cluster;
  }

  /** Adds a member, first as a learner. Resolves when it votes. */
  async grow(): Promise<TestMember> {
    const [first] = this.members;
    const [port] = await freePorts(1);
    if (first === undefined || port === undefined) throw new Error('a cluster has members');
    const name = `m${this.members.length + 1}`;
    const peerUrl = `http://127.0.0.1:${port}`;
    const client = this.client();
    const { id } = await new EtcdMembers(client).addLearner(peerUrl);
    const known = this.members.map(({ plan }) => ({ name: plan.name, peerUrl: plan.peerUrl }));
    const member = new TestMember({
      ...first.plan,
      name,
      peerUrl,
      firstMembers: [...known, { name, peerUrl }],
      directory: join(this.#directory, name),
      start: 'join',
    });
    this.members.push(member);
    await new EtcdMembers(client).giveVote(id, { limitMs: 20_000 });
    client.close();
    return member;
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

  /** The member that leads, once there is one. Who begins anew may not answer yet. */
  async leader(): Promise<TestMember> {
    for (let round = 0; round < leaderRounds; round += 1) {
      for (const member of this.members) {
        const status = await member.status().catch(() => undefined);
        if (status !== undefined && status.memberId === status.leaderId) return member;
      }
      await sleep(leaderPollMs);
    }
    throw new Error(`no member of etcd leads after ${leaderRounds} looks at all of them`);
  }

  async stop(): Promise<void> {
    await Promise.all(this.members.map(async (member) => await member.stop()));
    rmSync(this.#directory, { recursive: true });
  }
}

/** Of TCP, on the loopback interface. */
export async function freePorts(count: number): Promise<readonly number[]> {
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
