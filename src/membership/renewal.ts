import { phaseOf, renewalAt, renewalRetryMs } from '../ca/validity.ts';
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
  /** Why the last attempt failed; said once. */
  #failure = '';
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
      const isElsewhere = this.#isElsewhere(identity);
      const dueAt = Math.min(
        isElsewhere ? clock.now() : (retryAt ?? renewalAt(certificate, fraction)),
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
    const { keys, disk, logger, seat } = this.#options;
    try {
      const request = await keys.request(identity.key);
      const answer = await this.#ask({ identity, request }, signal);
      // The node may have left while it asked, or have another address now.
      const current = this.#options.identity();
      if (current?.nodeId !== identity.nodeId) return true;
      const renewed = this.#take(current, answer);
      this.#failure = '';
      // Its member of the store shows it too; a crash in between leaves both good.
      if (renewed.membership?.role === 'manager') await seat?.renewed(renewed);
      await disk.save(renewed);
      this.#options.onRenewed(renewed);
      logger.info('the certificate of this node was renewed');
      return true;
    } catch (error) {
      const { message } = TuttiError.from(error);
      if (!signal.aborted && message !== this.#failure) {
        this.#failure = message;
        logger.warn('the certificate of this node could not be renewed', {
          error: message,
        });
      }
      return false;
    }
  }

  /**
   * Of the managers; a manager whose certificate has ended gets it of its own authority where they
   * give none, because managers whose certificates have all ended have no store to be asked.
   */
  async #ask(
    asked: { readonly identity: NodeIdentity; readonly request: string },
    signal: AbortSignal,
  ): Promise<CertificateAnswer> {
    const { calls, clock, seat } = this.#options;
    const answer = await calls
      .renew(asked, signal)
      .catch((error: unknown) => TuttiError.from(error));
    if (!(answer instanceof TuttiError) && answer.kind === 'accepted') return answer;
    const why = answer instanceof TuttiError ? answer : refusalError(answer);
    // Whoever was removed stays so.
    const mayHelpItself = answer instanceof TuttiError || answer.reason === 'grace-over';
    const hasEnded = phaseOf(this.#certificateOf(asked.identity), clock.now()) !== 'valid';
    if (mayHelpItself && hasEnded && seat !== undefined && (await seat.isTaken())) {
      return await seat.renew(asked.request, signal);
    }
    throw why;
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
    const { certificate, roots, managers, role } = answer;
    const { founder: _, ...rest } = membership;
    return { nodeId, key, membership: { ...rest, certificate, roots, managers, role } };
  }

  /** A manager is not believed at an address that its certificate does not have. */
  #isElsewhere({ membership }: NodeIdentity): boolean {
    if (membership?.role !== 'manager') return false;
    return !this.#options.keys.isFor(membership.certificate, membership.address);
  }

  #certificateOf({ membership }: NodeIdentity): PeerCertificate {
    return this.#options.keys.read(membership?.certificate ?? '', membership?.roots ?? []);
  }
}
