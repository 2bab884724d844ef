import { crossChain, signingRoot } from '../ca/rotation.ts';
import { validityFrom } from '../ca/validity.ts';
import type { Authority, AuthorityDisk, OwnCertificate } from '../host/authority.ts';
import type { Clock } from '../host/clock.ts';
import type { Logger } from '../host/logger.ts';
import type { NodeIdentity } from '../host/node-identity.ts';
import { TuttiError } from '../lib/error.ts';
import { sameJson } from '../lib/json.ts';
import type { View } from '../store/view.ts';
import type { CertificateAnswer } from '../wire/authority-calls.ts';
import { theCluster } from './cluster-row.ts';

export interface OwnAuthorityOptions {
  readonly disk: AuthorityDisk;
  readonly authority: Authority;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Of this manager's node. */
  readonly identity: () => NodeIdentity;
  /** Of the key of an identity. */
  readonly digestOf: (key: string) => string;
}

/**
 * Lets a manager that was off for longer than its certificate is good replace that by itself: its
 * store answers only once managers believe each other. It holds the key of the cluster's authority
 * anyway; see docs/design/identity.md, Renewal.
 */
export class OwnAuthority implements OwnCertificate {
  readonly #options: OwnAuthorityOptions;
  #saving: Promise<void> = Promise.resolve();

  constructor(options: OwnAuthorityOptions) {
    this.#options = options;
  }

  /** Keeps what the store says now; nothing is written where that is kept already. */
  keep(view: Pick<View, 'clusters' | 'roots'>): void {
    const { disk, logger } = this.#options;
    const cluster = theCluster(view);
    if (cluster === undefined) return;
    const { certificateExpiryMs } = cluster.spec;
    const kept = { clusterId: cluster.id, certificateExpiryMs, roots: [...view.roots.all()] };
    const save = async (): Promise<void> => {
      const before = await disk.load().catch(() => undefined);
      if (!sameJson(before, kept)) await disk.save(kept);
    };
    this.#saving = this.#saving.then(save).catch((error: unknown) =>
      logger.error('what this manager renews its certificate by could not be kept', {
        error: TuttiError.from(error).message,
      }),
    );
  }

  async renew(request: string): Promise<CertificateAnswer> {
    const { disk, authority, clock, logger, identity, digestOf } = this.#options;
    const { nodeId, key, membership } = identity();
    const kept = await disk.load();
    const issuer = signingRoot(kept?.roots ?? []);
    if (kept === undefined || issuer?.sealedKey === undefined || membership === undefined) {
      throw new TuttiError('failed-precondition', 'this manager keeps no key of its authority', {
        hint: 'Recover the cluster on another manager, or restore a backup.',
      });
    }
    const { keyDigest } = await authority.readRequest(request);
    if (keyDigest !== digestOf(key)) {
      throw new TuttiError('permission-denied', 'the request is of another key than this node has');
    }
    const { clusterId, certificateExpiryMs, roots } = kept;
    const { address, managers } = membership;
    const certificate = await authority.signNode({
      nodeId,
      role: 'manager',
      clusterId,
      addresses: [address],
      request,
      issuer: { certificate: issuer.certificate, sealedKey: issuer.sealedKey },
      ...validityFrom(clock.now(), certificateExpiryMs),
    });
    logger.warn('this manager renewed its own certificate, which had ended');
    return {
      kind: 'accepted',
      nodeId,
      role: 'manager',
      clusterId,
      certificate: [certificate, ...crossChain([...roots])].join(''),
      roots: [issuer.certificate],
      managers,
      address,
      warnings: [],
    };
  }
}
