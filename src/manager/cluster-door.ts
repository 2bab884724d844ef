import { type AuditState, auditRefusal } from '../ca/audit.ts';
import { authorise, type Knowledge } from '../ca/authorise.ts';
import { decideJoin, type JoinKnowledge, judgeToken } from '../ca/join-decision.ts';
import { type Refusal, refused } from '../ca/refusal.ts';
import { decideRenewal } from '../ca/renewal-decision.ts';
import {
  crossChain,
  finishRotation,
  isRotating,
  rotationProgress,
  signingRoot,
  trustedRoots,
} from '../ca/rotation.ts';
import { renewalAt, validityFrom } from '../ca/validity.ts';
import type { Authority, SealedSigner } from '../host/authority.ts';
import type { Clock } from '../host/clock.ts';
import type {
  BoundCaller,
  Caller,
  ClusterCalls,
  ClusterPort,
  Verdict,
} from '../host/cluster-port.ts';
import type { Logger } from '../host/logger.ts';
import type { ManagerCall, ManagerCallHandler } from '../host/managers.ts';
import { TuttiError } from '../lib/error.ts';
import { defaultListenAddress, type HostPort, parseHostPort } from '../lib/host-port.ts';
import type { Cluster } from '../model/cluster.ts';
import type { NodeRecord } from '../model/identity.ts';
import type { Instant } from '../model/instant.ts';
import type { Observed } from '../model/observed.ts';
import type { NodeRole } from '../model/node.ts';
import type { Root } from '../model/root.ts';
import type { Commit, Transaction, View } from '../store/view.ts';
import type {
  CertificateAnswer,
  JoinCall,
  RenewCall,
  RootAnswer,
} from '../wire/authority-calls.ts';
import { isIpAddress } from './admission-check.ts';
import { theCluster } from './cluster-row.ts';
import { managersToTell } from './known-managers.ts';
import { actingRole, admitNode, sameNameWarnings } from './nodes.ts';
import type { Seats } from './seats.ts';
import type { Write } from './writer.ts';

const firstRetryMs = 1_000;
const longestRetryMs = 30_000;
/** Time passes under open sessions: certificates end. */
const lookEveryMs = 60_000;

export interface ClusterDoorOptions {
  readonly port: ClusterPort;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly view: View;
  readonly observed: Pick<Observed, 'node'>;
  readonly authority: Authority;
  /** Durable when it resolves. */
  write<T>(run: Write<T>): Promise<T>;
  /** A fraction in [0, 1). */
  fraction(): number;
  /** A node left by its own word. */
  onLeft(nodeId: string): void;
  /** The root that signed the certificate that a node's session began with. */
  rootOf(nodeId: string): string | undefined;
  /** Another root signs: nodes whose certificate is of an older one are to renew it. */
  onRotated(): void;
  /** Whether this manager finishes rotations; absent: there is no other. */
  readonly isLeading?: () => boolean;
  /** Absent: nobody becomes a manager beside this one. */
  readonly seats?: Pick<Seats, 'refuse'> | undefined;
  /** Of one of several managers; absent: what the cluster's row says. */
  readonly own?: { readonly nodeId: string; readonly listenAddress: string };
  /** What other managers may ask; what is not here is refused. */
  readonly managerCalls?: Readonly<Partial<Record<ManagerCall, ManagerCallHandler>>>;
}

/**
 * What a manager is to other machines: the port, its own certificate on it, and the answers to all
 * that is asked there besides sessions. Decisions are those of `src/ca`.
 */
export class ClusterDoor implements ClusterCalls {
  readonly #options: ClusterDoorOptions;
  readonly #stop = new AbortController();
  #audit: AuditState | undefined;
  #isOpen = false;
  /** When the manager's own certificate is to be replaced. */
  #renewAt: Instant = 0;
  #issuing: Promise<void> | undefined;
  /** The root of the certificate that the port shows. */
  #signingId: string | undefined;

  constructor(options: ClusterDoorOptions) {
    this.#options = options;
  }

  /** Opens for the cluster that is there, and goes on trying; looks after time until `stop`. */
  async run(): Promise<void> {
    const { clock, logger, view, port } = this.#options;
    const { signal } = this.#stop;
    let retryMs = firstRetryMs;
    while (!signal.aborted) {
      const cluster = theCluster(view);
      let waitMs = lookEveryMs;
      try {
        if (cluster !== undefined && !this.#isOpen) {
          await this.reserve(this.#options.own?.listenAddress ?? cluster.listenAddress);
        }
        if (cluster !== undefined && clock.now() >= this.#renewAt) await this.open();
        if (this.#isOpen) port.rejudge();
        retryMs = firstRetryMs;
      } catch (error) {
        logger.error('other machines cannot reach this manager', {
          error: TuttiError.from(error).message,
        });
        waitMs = retryMs;
        retryMs = Math.min(retryMs * 2, longestRetryMs);
      }
      await clock.sleep(waitMs, signal).catch(() => undefined);
    }
  }

  /** @throws TuttiError `failed-precondition` where the address cannot be had. */
  async reserve(listenAddress = defaultListenAddress): Promise<void> {
    if (this.#isOpen) return;
    await this.#options.port.reserve(hostPortOf(listenAddress));
    this.#isOpen = true;
  }

  /** Gives the port a certificate of the signing root, from now on. */
  async open(): Promise<void> {
    this.#issuing ??= this.#issue().finally(() => {
      this.#issuing = undefined;
    });
    await this.#issuing;
  }

  async close(): Promise<void> {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#renewAt = 0;
    await this.#options.port.close();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.close();
  }

  /** Who may do what follows from rows. */
  committed({ changes }: Commit): void {
    if (!this.#isOpen) return;
    if (changes.some(({ table }) => table === 'roots')) {
      this.#renewAt = 0;
      void this.#rotated().catch((error: unknown) =>
        this.#options.logger.error('the manager has no certificate of the new authority', {
          error: TuttiError.from(error).message,
        }),
      );
    }
    if (changes.some(mayRefuse)) this.#options.port.rejudge();
  }

  /** A node came, went, or renewed: the rotation may have nobody left to wait for. */
  async look(): Promise<void> {
    const { view, observed, logger } = this.#options;
    const roots = [...view.roots.all()];
    if (!this.#isOpen || !isRotating(roots) || this.#signingId !== signingRoot(roots)?.id) return;
    if (this.#options.isLeading?.() === false) return;
    const nodes = [...view.nodes.all()]
      .filter((node) => node.keyDigest !== undefined)
      .map(({ id }) => ({
        nodeId: id,
        ready: observed.node(id)?.state === 'ready',
        rootId: this.#options.rootOf(id),
      }));
    const { canFinish, absent } = rotationProgress(roots, nodes);
    if (!canFinish) return;
    logger.info('the rotation of the certificate authority is finished', { absent });
    await this.#options.write((tx) => {
      const after = finishRotation([...tx.roots.all()]);
      const kept = new Set(after.map(({ id }) => id));
      const forgotten = [...tx.roots.all()].filter(({ id }) => !kept.has(id));
      for (const { id } of forgotten) tx.roots.delete(id);
      for (const root of after) tx.roots.put(root);
    });
  }

  authorise(call: string, caller: Caller): Verdict {
    const { view, clock } = this.#options;
    const cluster = theCluster(view);
    const said =
      cluster === undefined
        ? noCluster()
        : authorise(
            { call, certificate: caller.certificate },
            knowledgeOf(view, { cluster, now: clock.now() }),
          );
    return said.kind === 'refused' ? this.#refuse(said, { call, caller }) : said;
  }

  root(): RootAnswer {
    const { view, clock } = this.#options;
    return { certificate: requireSigner(view).certificate, now: clock.now() };
  }

  async join(asked: JoinCall, from: BoundCaller): Promise<CertificateAnswer | Refusal> {
    const { view, authority } = this.#options;
    const refuse = (refusal: Refusal): Refusal =>
      this.#refuse(refusal, { call: 'authority.join', caller: from, nodeId: asked.nodeId });
    const judged = judgeToken(asked.token, this.#joinKnowledge(view));
    if (judged.kind === 'refused') return refuse(judged);
    if (judged.role === 'manager') {
      const { seats } = this.#options;
      const refusal = seats === undefined ? oneManager() : await seats.refuse(asked.candidate);
      if (refusal !== undefined) return refuse(refusal);
    }
    const { publicKey, keyDigest } = await authority.readRequest(asked.request);
    const request = { ...asked, keyDigest, boundToConnection: from.isBound(publicKey) };
    const first = decideJoin(request, this.#joinKnowledge(view));
    if (first.kind === 'refused') return refuse(first);
    const description = { ...asked.description, address: from.address };
    const { availability } = asked;
    const decided = await this.#options.write((tx, context) => {
      const now = decideJoin(request, this.#joinKnowledge(tx));
      if (now.kind === 'accepted' && !now.again) {
        const { nodeId, role } = now;
        admitNode(tx, { nodeId, role, keyDigest, availability, description, context });
      }
      return now;
    });
    if (decided.kind === 'refused') return refuse(decided);
    const warnings = sameNameWarnings(view, {
      nodeId: decided.nodeId,
      hostname: description.hostname,
      observed: this.#options.observed,
    });
    this.#options.logger.info('a node joined', {
      nodeId: decided.nodeId,
      hostname: description.hostname,
      address: from.address,
      again: decided.again,
    });
    return await this.#certify(decided, {
      request: asked.request,
      address: asked.candidate?.address ?? from.address,
      warnings,
    });
  }

  async renew(asked: RenewCall, from: BoundCaller): Promise<CertificateAnswer | Refusal> {
    const { view, clock, authority } = this.#options;
    const { publicKey, keyDigest } = await authority.readRequest(asked.request);
    const cluster = theCluster(view);
    const decided =
      cluster === undefined
        ? noCluster()
        : decideRenewal(
            { certificate: from.certificate, keyDigest },
            knowledgeOf(view, { cluster, now: clock.now() }),
          );
    const said = decided.kind === 'refused' || from.isBound(publicKey) ? decided : replayed();
    if (said.kind === 'refused')
      return this.#refuse(said, { call: 'authority.renew', caller: from });
    const address = asked.address ?? from.address;
    return await this.#certify(said, { request: asked.request, address, warnings: [] });
  }

  left(nodeId: string): void {
    this.#options.logger.info('a node left the cluster', { nodeId });
    this.#options.onLeft(nodeId);
  }

  async manager(
    call: ManagerCall,
    body: unknown,
    from: { readonly nodeId: string },
  ): Promise<object> {
    const handler = this.#options.managerCalls?.[call];
    if (handler !== undefined) return await handler(body, from);
    throw new TuttiError('unimplemented', `this manager does not answer ${call}`, {
      hint: 'The managers may run different versions: bring them to the same one.',
    });
  }

  async #certify(
    node: { readonly nodeId: string; readonly role: NodeRole },
    from: {
      readonly request: string;
      readonly address: string;
      readonly warnings: readonly string[];
    },
  ): Promise<CertificateAnswer> {
    const { view, clock, authority } = this.#options;
    const { nodeId, role } = node;
    const cluster = requireCluster(view);
    const roots = [...view.roots.all()];
    if (!isIpAddress(from.address)) {
      const message = `the address ${JSON.stringify(from.address)} is no IP address`;
      throw new TuttiError('invalid-argument', message, { field: 'address' });
    }
    const certificate = await authority.signNode({
      nodeId,
      role,
      clusterId: cluster.id,
      ...(role === 'manager' && { addresses: [from.address] }),
      request: from.request,
      issuer: requireSigner(view),
      ...validityFrom(clock.now(), cluster.spec.certificateExpiryMs),
    });
    return {
      kind: 'accepted',
      nodeId,
      role,
      clusterId: cluster.id,
      certificate: [certificate, ...crossChain(roots)].join(''),
      // Managers show certificates of the signing root from its first moment.
      roots: [requireSigner(view).certificate],
      managers: managersToTell(view),
      address: from.address,
      warnings: from.warnings,
    };
  }

  async #rotated(): Promise<void> {
    // One that is being made may be of the root before.
    await this.#issuing?.catch(() => undefined);
    await this.open();
    this.#options.onRotated();
    await this.look();
  }

  async #issue(): Promise<void> {
    const { view, clock, authority, port } = this.#options;
    const cluster = requireCluster(view);
    const roots = [...view.roots.all()];
    const validity = validityFrom(clock.now(), cluster.spec.certificateExpiryMs);
    const manager = managersToTell(view)[0];
    const own = await authority.issue({
      nodeId: this.#options.own?.nodeId ?? manager?.nodeId ?? cluster.id,
      role: 'manager',
      clusterId: cluster.id,
      issuer: requireSigner(view),
      ...validity,
    });
    if (!this.#isOpen) return;
    this.#signingId = signingRoot(roots)?.id;
    const trusted = new Set(trustedRoots(roots));
    port.open({
      clusterId: cluster.id,
      key: own.key,
      certificate: [own.certificate, ...crossChain(roots)].join(''),
      roots: roots.map((root) => ({
        id: root.id,
        certificate: root.certificate,
        trusted: trusted.has(root),
      })),
    });
    this.#renewAt = renewalAt(validity, this.#options.fraction());
  }

  #joinKnowledge(view: Pick<View, 'clusters' | 'nodes'>): JoinKnowledge {
    const { clock, authority } = this.#options;
    const tokens = theCluster(view)?.joinTokens;
    return {
      tokens:
        tokens === undefined
          ? []
          : [
              { role: 'worker', token: tokens.worker },
              { role: 'manager', token: tokens.manager },
            ],
      node: (nodeId) => recordOf(view, nodeId),
      now: clock.now(),
      sameSecret: (left, right) => authority.sameSecret(left, right),
    };
  }

  /** One line for each, bounded; neither tokens nor keys are in it. */
  #refuse(
    refusal: Refusal,
    about: { readonly call: string; readonly caller: Caller; readonly nodeId?: string },
  ): Refusal {
    const { clock, logger } = this.#options;
    const { reason, message } = refusal;
    const decided = auditRefusal(this.#audit, { reason, now: clock.now() });
    this.#audit = decided.state;
    if (decided.write === false) return refusal;
    const { certificate, address } = about.caller;
    logger.warn('refused', {
      call: about.call,
      reason,
      sentence: message,
      address,
      claims: certificate ?? { nodeId: about.nodeId },
      ...(decided.write.dropped > 0 && { unwritten: decided.write.dropped }),
    });
    return refusal;
  }
}

/** Whether somebody who had the right to a session may have it no more. */
function mayRefuse(change: Commit['changes'][number]): boolean {
  if (change.table === 'roots') return true;
  if (change.table !== 'nodes' || change.before === undefined) return false;
  const { before, after } = change;
  if (after === undefined || before.keyDigest !== after.keyDigest) return true;
  return actingRole(before) !== actingRole(after);
}

function hostPortOf(text: string): HostPort {
  const address = parseHostPort(text);
  if (address !== undefined) return address;
  throw new TuttiError('invalid-argument', `the address ${JSON.stringify(text)} is no host:port`, {
    field: 'listenAddress',
  });
}

function knowledgeOf(
  view: View,
  of: { readonly cluster: Cluster; readonly now: Instant },
): Knowledge {
  return {
    clusterId: of.cluster.id,
    roots: [...view.roots.all()],
    node: (nodeId) => recordOf(view, nodeId),
    now: of.now,
  };
}

/** A node without a key is on its manager's machine: no certificate can speak for it. */
function recordOf(view: Pick<View | Transaction, 'nodes'>, nodeId: string): NodeRecord | undefined {
  const node = view.nodes.get(nodeId);
  if (node === undefined) return undefined;
  return { nodeId, role: actingRole(node), keyDigest: node.keyDigest ?? '' };
}

function requireCluster(view: View): Cluster {
  const cluster = theCluster(view);
  if (cluster !== undefined) return cluster;
  throw new TuttiError('unavailable', 'there is no cluster here');
}

function requireSigner(view: View): Root & SealedSigner {
  const root = signingRoot(view.roots.all());
  if (root?.sealedKey !== undefined) return { ...root, sealedKey: root.sealedKey };
  throw new TuttiError('unavailable', 'the cluster has no certificate authority yet');
}

function noCluster(): Refusal {
  return refused('wrong-cluster', {
    message: 'there is no cluster on this machine any more',
    hint: 'Leave it: docker swarm leave.',
  });
}

function oneManager(): Refusal {
  return refused('cannot-manage', {
    message: 'this cluster has one manager and takes no second one',
    hint: 'Join as a worker: "docker swarm join-token worker" on the manager prints how.',
  });
}

function replayed(): Refusal {
  return refused('replayed', {
    message: 'the renewal was made for another connection',
    hint: 'If nobody recorded it, something between the node and the manager ends its TLS.',
  });
}
