import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, readFile, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ownCertificatePath } from '../host/authority.ts';
import type { HttpPeer } from '../host/http.ts';
import type { NodeIdentity } from '../host/node-identity.ts';
import type { NodeSeat } from '../host/seat-host.ts';
import { TuttiError } from '../lib/error.ts';
import { defaultListenAddress, formatHostPort, parseHostPort } from '../lib/host-port.ts';
import type { ManagerSeat } from '../model/node.ts';
import { type CertificateAnswer, parseCertificateAnswer } from '../wire/authority-calls.ts';
import { peerPort } from '../wire/manager-calls.ts';
import { SealingKey } from './certificates-seal.ts';
import type { DataLayout } from './data-layout.ts';
import type { EtcdMemberPlan, EtcdPeerFiles } from './etcd-flags.ts';
import { stopLivingEtcd } from './etcd-process.ts';
import { readSeat, writeSeat } from './manager-seat.ts';
import { replaceFile } from './replace-file.ts';
import { readStoreMarker, writeStoreMarker } from './store-marker.ts';

const run = promisify(execFile);

const programLimitMs = 5_000;
/** A move that failed is not begun again at once: its manager restarts each time. */
const moveAgainAfterMs = 60_000;
/** A member of etcd that was killed a moment ago may still make a file: that is waited for. */
const removal = { recursive: true, force: true, maxRetries: 10, retryDelay: 50 } as const;
/** Roots that the members of etcd trust: the one that signs, and the one before it. */
const keptRoots = 2;

/** The files of a manager on this machine, see docs/design/managers.md. */
export class MachineSeat implements NodeSeat {
  readonly #layout: DataLayout;
  readonly #manager: Pick<HttpPeer, 'call'> | undefined;

  /** @param manager The manager process of this machine, where it is another one that asks it. */
  constructor(layout: DataLayout, manager?: Pick<HttpPeer, 'call'>) {
    this.#layout = layout;
    this.#manager = manager;
  }

  async isTaken(): Promise<boolean> {
    return (await readStoreMarker(this.#layout.storeMarkerPath)) === 'etcd';
  }

  async obstacle(): Promise<string | undefined> {
    const missing = await etcdMissing();
    if (missing !== undefined || (await this.isTaken())) return missing;
    if (await this.#movedJustNow()) {
      return 'a move of its store to etcd failed less than a minute ago: its log says why';
    }
    // One that an interrupted move has left is in nobody's way.
    await stopLivingEtcd(this.#layout.etcdDirectory);
    return await portTaken(peerPort);
  }

  async take(given: Parameters<NodeSeat['take']>[0]): Promise<void> {
    const { storeMarkerPath, sealingKeyPath, etcdDirectory } = this.#layout;
    const { identity, clusterId, seat, firstMembers, sealingKey } = given;
    await stopLivingEtcd(etcdDirectory);
    for (const path of [etcdDirectory, sealingKeyPath]) {
      await rm(path, removal);
    }
    await new SealingKey(sealingKeyPath).adopt(Buffer.from(sealingKey, 'base64'));
    await this.writePeerFiles(identity);
    await this.writePlan({
      nodeId: identity.nodeId,
      clusterId,
      listenAddress: identity.membership?.listenAddress ?? defaultListenAddress,
      seat,
      first: { firstMembers, start: 'join' },
    });
    await writeStoreMarker(storeMarkerPath, 'etcd');
  }

  /** What the manager process finds when the marker says `etcd`. */
  async writePlan(of: {
    readonly nodeId: string;
    readonly clusterId: string;
    readonly listenAddress: string;
    readonly seat: ManagerSeat;
    readonly first: Pick<EtcdMemberPlan, 'firstMembers' | 'start'>;
  }): Promise<EtcdMemberPlan> {
    const { nodeId, clusterId, seat, first } = of;
    const etcd: EtcdMemberPlan = {
      ...first,
      name: nodeId,
      directory: this.#layout.etcdDirectory,
      listenHost: parseHostPort(of.listenAddress)?.host || '0.0.0.0',
      peerUrl: seat.peerUrl,
      clusterId,
      tls: this.#peerFiles(),
    };
    await writeSeat(this.#layout.seatPath, {
      nodeId,
      clusterId,
      listenAddress: of.listenAddress,
      etcd,
    });
    return etcd;
  }

  /** etcd reads key and certificate at each handshake, roots when it starts. */
  async writePeerFiles({ key, membership }: NodeIdentity): Promise<void> {
    if (membership === undefined) return;
    const files = this.#peerFiles();
    await mkdir(this.#peerDirectory(), { recursive: true, mode: 0o700 });
    const before = await readFile(files.rootsPath, 'utf8').catch(() => '');
    await replaceFile(files.keyPath, key);
    await replaceFile(files.certificatePath, membership.certificate);
    await replaceFile(files.rootsPath, mergedRoots(membership.roots, before));
  }

  async renew(request: string, signal: AbortSignal): Promise<CertificateAnswer> {
    const answer = await this.#manager?.call({
      method: 'POST',
      target: ownCertificatePath,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ request }),
      signal,
    });
    const said: unknown = JSON.parse(new TextDecoder().decode(answer?.body) || '{}');
    if (answer?.status === 200) return parseCertificateAnswer(said);
    const isTold = typeof said === 'object' && said !== null && 'message' in said;
    throw new TuttiError('unavailable', isTold ? String(said.message) : 'no manager runs here');
  }

  async renewed(identity: NodeIdentity): Promise<void> {
    if (await this.isTaken()) await this.writePeerFiles(identity);
  }

  async readdress(from: string, to: string): Promise<{ readonly isListenerMoved: boolean }> {
    if (!(await this.isTaken())) return { isListenerMoved: false };
    const seat = await readSeat(this.#layout.seatPath);
    const { etcd, listenAddress } = seat;
    const peerUrl = withHost(etcd.peerUrl, to);
    const listening = parseHostPort(listenAddress);
    const isListenerMoved = listening?.host === from;
    await writeSeat(this.#layout.seatPath, {
      ...seat,
      listenAddress: isListenerMoved ? formatHostPort({ ...listening, host: to }) : listenAddress,
      etcd: {
        ...etcd,
        peerUrl,
        listenHost: isListenerMoved ? to : etcd.listenHost,
        // Read at the first start alone, which may be still to come.
        firstMembers: etcd.firstMembers.map((one) =>
          one.name === etcd.name ? { ...one, peerUrl } : one,
        ),
      },
    });
    return { isListenerMoved };
  }

  async clear(): Promise<void> {
    const { storeMarkerPath, etcdDirectory, managerLogPath } = this.#layout;
    await stopLivingEtcd(etcdDirectory);
    const directory = this.#managerDirectory();
    const names = (await readdir(directory)).filter(
      (name) => ![managerLogPath, storeMarkerPath].includes(join(directory, name)),
    );
    for (const name of names) await rm(join(directory, name), removal);
    // Last of all: what was interrupted is begun again by whoever finds it.
    await rm(storeMarkerPath, { force: true });
  }

  async #movedJustNow(): Promise<boolean> {
    const { storeMarkerPath } = this.#layout;
    if ((await readStoreMarker(storeMarkerPath)) !== 'moving') return false;
    const { mtimeMs } = await stat(storeMarkerPath);
    return Date.now() - mtimeMs < moveAgainAfterMs;
  }

  #managerDirectory(): string {
    return join(this.#layout.dataDirectory, 'manager');
  }

  #peerDirectory(): string {
    return join(this.#managerDirectory(), 'peer');
  }

  #peerFiles(): EtcdPeerFiles {
    const directory = this.#peerDirectory();
    return {
      keyPath: join(directory, 'key.pem'),
      certificatePath: join(directory, 'certificate.pem'),
      rootsPath: join(directory, 'roots.pem'),
    };
  }
}

function withHost(url: string, host: string): string {
  const changed = new URL(url);
  changed.hostname = host.includes(':') ? `[${host}]` : host;
  return changed.origin;
}

/** The newest first; the one before stays, for members that have not renewed yet. */
function mergedRoots(roots: readonly string[], before: string): string {
  const old = before.match(/-----BEGIN[^]*?-----END [^\n]*\n?/g) ?? [];
  const all = new Map([...roots, ...old].map((root) => [root.trim(), `${root.trim()}\n`]));
  return [...all.values()].slice(0, keptRoots).join('');
}

/** Why this machine cannot run a member of etcd, whatever else it does; undefined: it can. */
export async function etcdMissing(): Promise<string | undefined> {
  try {
    const { stdout } = await run('etcd', ['--version'], {
      timeout: programLimitMs,
      env: { PATH: process.env['PATH'], ETCD_UNSUPPORTED_ARCH: process.arch },
    });
    const [, major, minor] = /etcd Version: (\d+)\.(\d+)/.exec(stdout) ?? [];
    if (Number(major) > 3 || (major === '3' && Number(minor) >= 4)) return undefined;
    return `its etcd is too old: 3.4 is the oldest that works, this is ${stdout.split('\n', 1)[0]}`;
  } catch (reason) {
    if (reason instanceof Error && 'code' in reason && reason.code === 'ENOENT') {
      return 'etcd is not installed there: it is in the package etcd-server of Debian and Ubuntu';
    }
    return `its etcd does not run: ${TuttiError.from(reason).message}`;
  }
}

async function portTaken(port: number): Promise<string | undefined> {
  const server = createServer();
  try {
    server.listen({ host: '0.0.0.0', port });
    await once(server, 'listening');
    return undefined;
  } catch (reason) {
    return `TCP port ${port} cannot be had: ${TuttiError.from(reason).message}`;
  } finally {
    server.close();
  }
}
