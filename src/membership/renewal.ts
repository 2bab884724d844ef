import { renewalAt, renewalRetryMs } from '../ca/validity.ts';
import type { NodeIdentity } from '../host/node-identity.ts';
import { TuttiError } from '../lib/error.ts';
import type { PeerCertificate } from '../model/identity.ts';
import type { Instant } from '../model/instant.ts';
import type { CertificateAnswer } from '../wire/authority-calls.ts';
import { type JoinWorld, refusalError } from './join-attempt.ts';

/** Whoever asks for a renewal that just failed waits that long. */
const leastPauseMs = 5_000;
/** The certificate may have been replaced meanwhile, or the machine may have slept. */
const longestSleepMs = 3_600_000;

export interface RenewalOptions extends JoinWorld {
  /** Undefined: the node is in no cluster. */
  identity(): NodeIdentity | undefined;
  /** It is on disk. */
  onRenewed(identity: NodeIdentity): void;
}

/** Replaces the certificate of a node before it ends, or when a manager says so. */
export class Renewal {
  readonly #options: RenewalOptions;
  #askedAt: Instant | undefined;
  #asked = Promise.withResolvers<void>();
  #triedAt: Instant = Number.NEGATIVE_INFINITY;

  constructor(options: RenewalOptions) {
    this.#options = options;
  }

  /** Renews after that time, if it is not due before. */
  after(delayMs: number): void {
    const at = this.#options.clock.now() + Math.max(delayMs, 0);
    if (this.#askedAt !== undefined && this.#askedAt <= at) return;
    this.#askedAt = at;
    this.#asked.resolve();
  }

  /** Until the signal. `changed` gives what resolves when the node has another identity. */
  async run(signal: AbortSignal, changed: () => Promise<void>): Promise<void> {
    const { clock, random } = this.#options;
    const stopped = new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
    let fraction = random.fraction();
    let retryAt: Instant | undefined;
    while (!signal.aborted) {
      const identity = this.#options.identity();
      if (identity === undefined) {
        await Promise.race([changed(), stopped]);
        continue;
      }
      const certificate = this.#certificateOf(identity);
      const dueAt = Math.min(
        retryAt ?? renewalAt(certificate, fraction),
        this.#askedAt ?? Number.POSITIVE_INFINITY,
      );
      const at = Math.max(dueAt, this.#triedAt + leastPauseMs);
      if (clock.now() < at) {
        await this.#wait(Math.min(at - clock.now(), longestSleepMs), [changed(), stopped]);
        continue;
      }
      this.#askedAt = undefined;
      this.#triedAt = clock.now();
      const isRenewed = await this.#renew(identity, signal);
      if (isRenewed) fraction = random.fraction();
      retryAt = isRenewed ? undefined : clock.now() + renewalRetryMs(certificate, clock.now());
    }
  }

  async #wait(delayMs: number, orUntil: readonly Promise<void>[]): Promise<void> {
    this.#asked = Promise.withResolvers<void>();
    const over = new AbortController();
    const elapsed = this.#options.clock.sleep(delayMs, over.signal).catch(() => undefined);
    await Promise.race([elapsed, this.#asked.promise, ...orUntil]);
    over.abort();
  }

  async #renew(identity: NodeIdentity, signal: AbortSignal): Promise<boolean> {
    const { calls, keys, disk, logger } = this.#options;
    try {
      const request = await keys.request(identity.key);
      const answer = await calls.renew({ identity, request }, signal);
      if (answer.kind === 'refused') throw refusalError(answer);
      const renewed = this.#take(identity, answer);
      // The node may have left while it asked.
      if (this.#options.identity()?.nodeId !== identity.nodeId) return true;
      await disk.save(renewed);
      this.#options.onRenewed(renewed);
      logger.info('the certificate of this node was renewed');
      return true;
    } catch (error) {
      if (!signal.aborted) {
        logger.warn('the certificate of this node could not be renewed', {
          error: TuttiError.from(error).message,
        });
      }
      return false;
    }
  }

  /** An answer is taken only as what was asked for. */
  #take(identity: NodeIdentity, answer: CertificateAnswer): NodeIdentity {
    const { keys } = this.#options;
    const { membership, nodeId, key } = identity;
    const said = keys.read(answer.certificate, answer.roots);
    const isOurs =
      said.rootId !== undefined &&
      said.keyDigest === keys.digestOf(key) &&
      said.nodeId === nodeId &&
      said.clusterId === membership?.clusterId &&
      answer.clusterId === said.clusterId;
    if (!isOurs || membership === undefined) {
      throw new TuttiError('unavailable', 'the certificate is not what was asked for');
    }
    const { certificate, roots, managers } = answer;
    return { nodeId, key, membership: { ...membership, certificate, roots, managers } };
  }

  #certificateOf({ membership }: NodeIdentity): PeerCertificate {
    return this.#options.keys.read(membership?.certificate ?? '', membership?.roots ?? []);
  }
}
