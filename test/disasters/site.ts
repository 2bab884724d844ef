import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Expected, findDifference } from '../cluster/check.ts';
import { ClusterSite, services, webPort } from '../cluster/cluster-site.ts';
import type { ApiClient } from '../../src/client/api-client.ts';

const image = 'tutti-test/busybox:1';
const word = 'what the application knows';
const size = { managers: 3, workers: 2 } as const;
const declared = { ...services, vault: 2 } as const;
const patienceMs = 120_000;
const pollMs = 100;
const askLimitMs = 2_000;
/** The answer comes once the manager serves everything. */
const unlockLimitMs = 60_000;
const copies = 5;

/** Something that was acknowledged, as the cluster showed it right after. */
interface Written {
  readonly path: string;
  readonly id: string;
  readonly spec: string;
}

/** How long it took, in milliseconds, from when hosts were started or something was asked for. */
export interface Return {
  /** Until the machines and their engines ran, or the command had ended. */
  readonly begunMs: number;
  readonly firstWriteMs: number;
  readonly answersMs: number;
  readonly asDeclaredMs: number;
}

/** Three managers and two workers with an application, and all that was acknowledged there. */
export class DisasterSite implements AsyncDisposable {
  readonly site: ClusterSite;
  readonly signal: AbortSignal;
  readonly #written: Written[] = [];
  #clusterId = '';
  #number = 0;

  private constructor(site: ClusterSite, signal: AbortSignal) {
    this.site = site;
    this.signal = signal;
  }

  static async up(name: string, signal: AbortSignal): Promise<DisasterSite> {
    const made = new DisasterSite(await ClusterSite.up({ ...size, name }), signal);
    try {
      await made.#deploy();
      await made.untilAsDeclared(made.all);
      return made;
    } catch (error) {
      await made[Symbol.asyncDispose]();
      throw error;
    }
  }

  get managers(): readonly string[] {
    return this.site.managers;
  }

  /** Everybody is there. */
  get all(): Expected {
    return this.expect({ managers: this.managers });
  }

  /** These managers are there, and all workers; others may be away, or workers by now. */
  expect(there: {
    readonly managers: readonly string[];
    readonly workers?: readonly string[];
  }): Expected {
    const { managers, workers = this.site.workers } = there;
    return { hosts: [...managers, ...workers], managers, services: declared };
  }

  client(host: string): ApiClient {
    return this.site.playground.client(host);
  }

  async #deploy(): Promise<void> {
    const { site } = this;
    await site.deploy();
    const manager = this.client('manager-1');
    const data = Buffer.from(word).toString('base64');
    const secret = await post<{ ID: string }>(manager, {
      path: '/secrets/create',
      body: { Name: 'word', Data: data },
    });
    const create = 'service create --detach --no-resolve-image --name vault --replicas 2 --init';
    const docker = (text: string) => site.playground.docker('manager-1', ...text.split(' '));
    await docker(`${create} --secret word ${image} sleep 1d`);
    this.#written.push(await shown(manager, { path: '/secrets', id: secret.ID }));
    this.#clusterId = await this.#readClusterId('manager-1');
    for (const service of Object.keys(declared)) {
      this.#written.push(await shown(manager, { path: '/services', id: service }));
    }
    await this.write('manager-2');
  }

  /** Writes some of each kind; what was acknowledged is remembered. */
  async write(through: string): Promise<void> {
    for (let copy = 0; copy < copies; copy += 1) await this.#writeOne(this.client(through));
  }

  async #writeOne(manager: ApiClient): Promise<void> {
    this.#number += 1;
    const name = `kept-${this.#number}`;
    const spec = {
      Name: `${name}-service`,
      Mode: { Replicated: { Replicas: 0 } },
      TaskTemplate: { ContainerSpec: { Image: image } },
    };
    const made = [
      ['/configs', { Name: `${name}-config`, Data: 'bm90ZQ==' }],
      ['/secrets', { Name: `${name}-secret`, Data: 'bm90ZQ==' }],
      ['/services', spec],
    ] as const;
    for (const [path, body] of made) {
      const { ID: id } = await post<{ readonly ID: string }>(manager, {
        path: `${path}/create`,
        body,
      });
      this.#written.push(await shown(manager, { path, id }));
    }
  }

  get writtenCount(): number {
    return this.#written.length;
  }

  /** The same cluster, and nothing that was acknowledged is lost or changed. */
  async checkWritten(through: string): Promise<void> {
    const manager = this.client(through);
    assert.equal(await this.#readClusterId(through), this.#clusterId, 'it is the same cluster');
    for (const one of this.#written) assert.deepEqual(await shown(manager, one), one);
  }

  /** A container of the vault, on each host that has one, reads its secret. */
  async checkSecrets(hosts: readonly string[]): Promise<void> {
    let readers = 0;
    for (const host of hosts) {
      const containers = (await this.site.containersOf(host, 'vault')) ?? [];
      for (const { Id, State } of containers) {
        if (State !== 'running') continue;
        const path = '/run/secrets/word';
        assert.equal(await this.site.playground.engine(host, 'exec', Id, 'cat', path), word);
        readers += 1;
      }
    }
    assert.equal(readers, declared.vault);
  }

  /** As `docker swarm unlock` does. */
  async unlock(host: string, unlockKey: string): Promise<void> {
    const body = { UnlockKey: unlockKey };
    await post(this.client(host), { path: '/swarm/unlock', body, limitMs: unlockLimitMs });
  }

  /** Every process of these hosts is gone at the same moment. */
  async losePower(hosts: readonly string[]): Promise<void> {
    await this.site.playground.report();
    const pids = hosts.map((name) => this.site.playground.host(name).pids['init'] ?? 0);
    assert.ok(pids.every((pid) => pid > 1));
    for (const pid of pids) process.kill(pid, 'SIGKILL');
    await this.until('they are without power', async () => {
      return await Promise.resolve(!pids.some((pid) => existsSync(`/proc/${pid}`)));
    });
    await this.site.playground.report();
  }

  async start(hosts: readonly string[]): Promise<void> {
    await this.site.playground.change('start', hosts);
  }

  /** Does something, and measures from its beginning until everything is as before. */
  async measureReturn(expected: Expected, begin: () => Promise<unknown>): Promise<Return> {
    const at = performance.now();
    const since = (): number => Math.round(performance.now() - at);
    const { managers, hosts } = expected;
    const [begunMs, firstWriteMs, answersMs] = await Promise.all([
      begin().then(since),
      this.untilWritten(managers).then(since),
      this.untilAnswers(hosts).then(since),
    ]);
    await this.untilAsDeclared(expected);
    const asDeclaredMs = since();
    const [first = ''] = managers;
    await this.checkWritten(first);
    await this.checkSecrets(hosts);
    await this.write(first);
    return { begunMs, firstWriteMs, answersMs, asDeclaredMs };
  }

  /** Until one of these managers has acknowledged a write. */
  async untilWritten(managers: readonly string[]): Promise<void> {
    let turn = 0;
    await this.until('a write is acknowledged', async () => {
      turn += 1;
      await this.tryWrite(managers[turn % managers.length] ?? '');
      return true;
    });
  }

  /** One write; throws where it is not acknowledged in time. */
  async tryWrite(manager: string): Promise<void> {
    this.#number += 1;
    const body = { Name: `first-${this.#number}`, Data: 'bm90ZQ==' };
    const client = this.client(manager);
    const { ID: id } = await post<{ ID: string }>(client, { path: '/configs/create', body });
    this.#written.push(await shown(client, { path: '/configs', id }));
  }

  /** Until the application has answered through each of these hosts. */
  async untilAnswers(hosts: readonly string[]): Promise<void> {
    for (const host of hosts) {
      const { address } = this.site.playground.host(host);
      await this.until(`${host} answers for the application`, async () => await asks(address));
    }
  }

  async untilAsDeclared(expected: Expected): Promise<void> {
    let last: string | undefined;
    await this.until(
      'everything is as declared',
      async () => {
        last = await findDifference(this.site, expected);
        return last === undefined;
      },
      () => last ?? '',
    );
  }

  async until(
    what: string,
    holds: () => Promise<boolean>,
    why: () => string = () => '',
  ): Promise<void> {
    const giveUpAt = Date.now() + patienceMs;
    for (let said = ''; ; ) {
      const isSo = await holds().catch((error: unknown) => {
        said = error instanceof Error ? error.message : String(error);
        return false;
      });
      if (isSo) return;
      if (Date.now() > giveUpAt) {
        throw new Error(`it did not come about that ${what}: ${why() || said}`);
      }
      await sleep(pollMs, undefined, { signal: this.signal });
    }
  }

  async #readClusterId(through: string): Promise<string> {
    return (await get<{ readonly ID: string }>(this.client(through), '/swarm')).ID;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.site[Symbol.asyncDispose]();
  }
}

async function post<Reply>(
  client: ApiClient,
  {
    path,
    body,
    limitMs = askLimitMs,
  }: { readonly path: string; readonly body: object; readonly limitMs?: number },
): Promise<Reply> {
  const signal = AbortSignal.timeout(limitMs);
  return await client.call<Reply>({ method: 'POST', path: `/v1.41${path}`, body, signal });
}

async function get<Reply>(client: ApiClient, path: string): Promise<Reply> {
  const signal = AbortSignal.timeout(askLimitMs);
  return await client.call<Reply>({ method: 'GET', path: `/v1.41${path}`, signal });
}

async function shown(
  client: ApiClient,
  { path, id }: Pick<Written, 'path' | 'id'>,
): Promise<Written> {
  const { ID, Spec } = await get<{ readonly ID: string; readonly Spec: object }>(
    client,
    `${path}/${id}`,
  );
  return { path, id: ID, spec: JSON.stringify(Spec) };
}

function asks(address: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const signal = AbortSignal.timeout(askLimitMs);
  const options = { host: address, port: webPort, path: '/version', agent: false, signal };
  const outgoing = request(options, (response) => {
    response.resume();
    response.once('error', () => resolve(false));
    response.once('end', () => resolve(response.statusCode === 200));
  });
  outgoing.once('error', () => resolve(false));
  outgoing.end();
  return promise;
}
