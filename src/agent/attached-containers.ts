import type { Attachments, GrantedPlace } from '../host/attachments.ts';
import type { Clock } from '../host/clock.ts';
import type { ContainerRuntime } from '../host/container-runtime.ts';
import type { Logger } from '../host/logger.ts';
import type { NodeNetwork } from '../host/node-network.ts';
import { TuttiError } from '../lib/error.ts';
import { withoutPrefix } from '../lib/ipv4.ts';
import { sameJson } from '../lib/json.ts';
import type { NetworkAssignment } from '../model/assignment.ts';
import type { AttachedContainer, AttachmentReport } from '../model/attachment.ts';
import { ipv6AddressOf } from '../model/ipv6.ts';
import { engineNetworkName } from '../overlay/bridge-name.ts';
import type { AgentMessage, ManagerMessage } from '../wire/messages.ts';
import { Complaints } from './complaints.ts';
import type { NodeState } from './node-state.ts';
import { taskIdLabel } from './task-labels.ts';

/** A manager that does not answer by then is away, or too old to know what is asked. */
const answerLimitMs = 10_000;
/** A report that nobody answered is said again. */
const sayAgainMs = 10_000;
/** For who waits until a manager knows. */
const notedLimitMs = 2_000;

type Answer = Extract<ManagerMessage, { readonly kind: 'attached' }>;
type Place = NonNullable<Answer['place']>;
type Content = Pick<AttachmentReport, 'coming' | 'containers'>;

export interface AttachedContainersOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly runtime: ContainerRuntime;
  readonly network: NodeNetwork;
  readonly state: Pick<NodeState, 'networks'>;
  newId(): string;
  /** Whether this node is in a cluster. */
  isMember(): boolean;
  /** In this session; nothing is kept for the next one. */
  say(message: AgentMessage): void;
  /** Other containers run than before. */
  onChange(): void;
}

/**
 * The containers of this node that are no tasks and are on networks of the cluster: asks managers
 * for their addresses, and tells them what there is (docs/design/attachments.md).
 */
export class AttachedContainers implements Attachments {
  readonly #options: AttachedContainersOptions;
  readonly #complaints: Complaints;
  /** Places that were asked for, until the engine was looked at after they were used. */
  readonly #coming = new Map<string, PromiseWithResolvers<Place>>();
  readonly #settled = new Set<string>();
  #signal = new AbortController().signal;
  /** Undefined: nobody could look yet. */
  #seen: readonly AttachedContainer[] | undefined;
  /** The networks that were looked at for that: of others nothing is known. */
  #seenOn: string | undefined;
  #isLooking = false;
  #next: PromiseWithResolvers<void> | undefined;
  #number = 0;
  #noted = 0;
  /** In this session. */
  #said: Content | undefined;
  /** A manager has told in this session what it wants: what is said now is heard. */
  #isTold = false;
  #answered = Promise.withResolvers<void>();
  /** Resolves with the next view of a manager. */
  #viewed = Promise.withResolvers<void>();

  constructor(options: AttachedContainersOptions) {
    this.#options = options;
    this.#complaints = new Complaints(options.logger);
  }

  /** Nothing is asked of the engine, and nothing said again, after the signal. */
  begin(signal: AbortSignal): void {
    this.#signal = signal;
  }

  /** Undefined: nobody could look yet. */
  isRunning(containerId: string): boolean | undefined {
    return this.#seen?.some((one) => one.containerId === containerId && one.running);
  }

  /** What a `hello` says; nothing else was said in its session. */
  greeting(): AttachmentReport | undefined {
    this.#said = undefined;
    const content = this.#content();
    if (content === undefined) return undefined;
    const report = this.#numbered(content);
    void this.#sayAgain(report.number);
    return report;
  }

  /** A manager told something: other networks may have come or gone. */
  viewChanged(): void {
    this.#isTold = true;
    this.#viewed.resolve();
    this.#viewed = Promise.withResolvers<void>();
    if (this.#seenOn === this.#attachable()) this.#report();
    else void this.look();
  }

  /** Resolves when the engine was asked after now. */
  look(): Promise<void> {
    this.#next ??= Promise.withResolvers<void>();
    const { promise } = this.#next;
    if (!this.#isLooking) void this.#lookWhileAsked();
    return promise;
  }

  async hear(message: Answer | Extract<ManagerMessage, { kind: 'noted' }>): Promise<void> {
    if (message.kind === 'noted') return await this.#hearNoted(message);
    const { id, place, refusal } = message;
    const asked = this.#coming.get(id);
    if (place !== undefined) asked?.resolve(place);
    else if (refusal !== undefined) {
      const { code, message: text, hint } = refusal;
      asked?.reject(new TuttiError(code, text, hint === undefined ? {} : { hint }));
    }
  }

  /** What was asked in it is answered by nobody. */
  sessionEnded(): void {
    this.#isTold = false;
    this.#said = undefined;
    for (const asked of this.#coming.values()) asked.reject(noManager());
    this.#tellAnswered();
  }

  async attach(ask: {
    readonly network: string;
    readonly address?: string;
    readonly signal: AbortSignal;
  }): Promise<GrantedPlace | undefined> {
    const { network, address, signal } = ask;
    if (!this.#options.isMember()) return undefined;
    if (!this.#isTold) await this.#within(this.#viewed.promise, { limitMs: answerLimitMs, signal });
    // Who had the address until now may be gone a moment ago.
    if (address !== undefined) await this.untilNoted();
    const id = this.#options.newId();
    const asked = Promise.withResolvers<Place>();
    // Who waits for it may have gone.
    asked.promise.catch(() => undefined);
    this.#coming.set(id, asked);
    this.#options.say({ kind: 'attach', id, network, ...(address !== undefined && { address }) });
    // The manager has a row more than it was told of: nothing that follows is what it knows.
    this.#said = undefined;
    try {
      const place = await this.#within(asked.promise, { limitMs: answerLimitMs, signal });
      return await this.#prepare(id, place, signal);
    } catch (reason) {
      this.#coming.delete(id);
      this.#report();
      const error = TuttiError.from(reason);
      if (error.code === 'not-found') return undefined;
      throw error;
    }
  }

  async settle(ids: readonly string[]): Promise<void> {
    for (const id of ids) this.#settled.add(id);
    await this.look();
  }

  async untilNoted(): Promise<void> {
    if (!this.#isTold) return;
    await this.look();
    const by = { limitMs: notedLimitMs, signal: this.#signal };
    await this.#within(this.#whenNoted(this.#number), by).catch((error: unknown) =>
      this.#options.logger.debug('no manager has noted the containers of this node yet', {
        error: TuttiError.from(error).message,
      }),
    );
  }

  async #whenNoted(number: number): Promise<void> {
    while (this.#isTold && this.#noted < number) await this.#answered.promise;
  }

  engineNetwork(reference: string): string | undefined {
    const networks = this.#networks();
    const exact = networks.find(
      ({ networkId, name }) =>
        networkId === reference || name.toLowerCase() === reference.toLowerCase(),
    );
    const [found, ...others] = networks.filter(({ networkId }) => networkId.startsWith(reference));
    const meant = exact ?? (others.length === 0 ? found : undefined);
    return meant === undefined ? undefined : engineNetworkName(meant);
  }

  /** The network as this node has it, made and shown: a container may start on it. */
  async #prepare(id: string, place: Place, signal: AbortSignal): Promise<GrantedPlace> {
    const { state, network } = this.#options;
    const { networkId, address } = place;
    let assignment = state.networks.get(networkId);
    while (assignment === undefined) {
      // It was made a moment ago: this node hears of it now.
      await this.#within(this.#viewed.promise, { limitMs: answerLimitMs, signal });
      assignment = state.networks.get(networkId);
    }
    const engineName = await network.ensure(assignment, signal);
    await network.shown();
    const gateway = withoutPrefix(assignment.gateway);
    const ipv6Address = ipv6AddressOf(assignment, address);
    const granted = { id, networkId, engineName, address: withoutPrefix(address), gateway };
    return ipv6Address === undefined ? granted : { ...granted, ipv6Address };
  }

  async #within<T>(
    promise: Promise<T>,
    by: { readonly limitMs: number; readonly signal: AbortSignal },
  ): Promise<T> {
    const over = new AbortController();
    const signal = AbortSignal.any([over.signal, by.signal]);
    const late = this.#options.clock.sleep(by.limitMs, signal).then(() => {
      throw noManager();
    });
    late.catch(() => undefined);
    return await Promise.race([promise, late]).finally(() => over.abort());
  }

  async #hearNoted(message: Extract<ManagerMessage, { kind: 'noted' }>): Promise<void> {
    const { runtime, logger } = this.#options;
    let isDone = true;
    for (const { networkId, containerId, name, address } of message.refused) {
      const engineName = this.#engineName(networkId);
      logger.warn('a container is taken off a network: its address is somebody else’s by now', {
        container: name,
        network: engineName,
        address,
      });
      await runtime.disconnect(engineName, containerId, this.#signal).catch((error: unknown) => {
        isDone = false;
        logger.error('it could not be taken off; trying again soon', {
          container: name,
          error: TuttiError.from(error).message,
        });
      });
    }
    this.#noted = Math.max(this.#noted, message.number);
    this.#tellAnswered();
    if (message.refused.length === 0) return;
    if (isDone) void this.look();
    else void this.#sayAgain(message.number, { isHeard: true });
  }

  #tellAnswered(): void {
    this.#answered.resolve();
    this.#answered = Promise.withResolvers<void>();
  }

  #engineName(networkId: string): string {
    return engineNetworkName(
      this.#options.state.networks.get(networkId) ?? { networkId, ingress: false },
    );
  }

  #attachable(): string {
    const ids = this.#networks().map(({ networkId }) => networkId);
    return ids.toSorted().join(' ');
  }

  #networks(): readonly NetworkAssignment[] {
    const all = [...this.#options.state.networks.values()];
    return all.filter(({ attachable }) => attachable === true);
  }

  async #lookWhileAsked(): Promise<void> {
    this.#isLooking = true;
    // Events that come together are one look.
    await Promise.resolve();
    while (this.#next !== undefined) {
      const current = this.#next;
      this.#next = undefined;
      const what = 'the containers on networks of the cluster could not be listed';
      await this.#complaints.about(what, this.#lookOnce());
      current.resolve();
    }
    this.#isLooking = false;
  }

  async #lookOnce(): Promise<void> {
    const settled = [...this.#settled];
    const attachable = this.#attachable();
    const networkOf = new Map(
      this.#networks().map((one) => [engineNetworkName(one), one.networkId] as const),
    );
    const asked = { networkNames: [...networkOf.keys()], exceptLabel: taskIdLabel };
    const found =
      networkOf.size === 0 ? [] : await this.#options.runtime.listEndpoints(asked, this.#signal);
    const seen = found
      .flatMap(({ networkName, ...one }): readonly AttachedContainer[] => {
        const networkId = networkOf.get(networkName);
        return networkId === undefined ? [] : [{ networkId, ...one }];
      })
      .toSorted((one, other) => (orderOf(one) < orderOf(other) ? -1 : 1));
    const isChanged = !sameJson(seen, this.#seen ?? []);
    this.#seen = seen;
    this.#seenOn = attachable;
    for (const id of settled) {
      this.#settled.delete(id);
      this.#coming.delete(id);
    }
    this.#report();
    if (isChanged) this.#options.onChange();
  }

  /** Undefined: nothing is known, or there is nothing that could be said. */
  #content(): Content | undefined {
    const containers = this.#seen;
    const attachable = this.#attachable();
    if (containers === undefined || this.#seenOn !== attachable) return undefined;
    if (containers.length === 0 && this.#coming.size === 0 && attachable === '') return undefined;
    return { coming: [...this.#coming.keys()], containers };
  }

  #report(): void {
    if (!this.#isTold) return;
    const content = this.#content();
    if (content === undefined || sameJson(content, this.#said)) return;
    this.#options.say({ kind: 'attachments', report: this.#numbered(content) });
    void this.#sayAgain(this.#number);
  }

  #numbered(content: Content): AttachmentReport {
    this.#said = content;
    this.#number += 1;
    return { number: this.#number, ...content };
  }

  async #sayAgain(number: number, { isHeard } = { isHeard: false }): Promise<void> {
    await this.#options.clock.sleep(sayAgainMs, this.#signal).catch(() => undefined);
    if (this.#signal.aborted || number !== this.#number) return;
    if (this.#noted >= number && !isHeard) return;
    this.#said = undefined;
    this.#report();
  }
}

function orderOf({ networkId, containerId }: AttachedContainer): string {
  return `${containerId} ${networkId}`;
}

function noManager(): TuttiError {
  return new TuttiError(
    'unavailable',
    'no manager of the cluster answers, who would give the container an address',
    { hint: 'Try again when one is in reach.' },
  );
}
