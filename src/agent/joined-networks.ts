import type { DiscoveryView } from '../host/node-network.ts';
import type { Logger } from '../host/logger.ts';
import type { SpanDevices } from '../host/span-devices.ts';
import { TuttiError } from '../lib/error.ts';
import { type Mesh, meshOf, meshPeers } from '../overlay/mesh.ts';
import { tunnelName } from '../overlay/bridge-name.ts';
import { FollowedPlaces, isEncrypted } from '../overlay/span-places.ts';
import { type Span, type Spanned, spansOf, tunnelMtu } from '../overlay/spans.ts';
import { Spans } from './spans.ts';
import type { Tunnels } from './tunnels.ts';

/** How a node is joined with others; the mesh, where there is one, is among the spans. */
export interface Joined {
  readonly spans: readonly Span[];
  readonly mesh: Mesh | undefined;
}

export interface JoinedNetworksOptions {
  readonly spanDevices: SpanDevices;
  /** Undefined: this node encrypts nothing, and nothing that is to be encrypted leaves it. */
  readonly tunnels?: Tunnels;
  readonly logger: Logger;
  /** Of the link by which this node reaches the others. */
  linkMtu(): Promise<number>;
}

/** Then other nodes are told to lead nobody here, until the next daemon tries. */
const mostMeshFailures = 3;

/** Joins the networks of a node with those of others. */
export class JoinedNetworks {
  readonly #options: JoinedNetworksOptions;
  readonly #spans: Spans;
  readonly #places = new FollowedPlaces();
  #linkMtu: number | undefined;
  /** What encrypts could not be brought up; it is kept, and tried again. */
  #isTunnelFailing = false;
  /** One after another. */
  #meshFailures = 0;

  constructor(options: JoinedNetworksOptions) {
    this.#options = options;
    this.#spans = new Spans({ devices: options.spanDevices, logger: options.logger });
  }

  /** How often the kernel was found to have other ways to other nodes. */
  get driftCount(): number {
    return this.#spans.driftCount + (this.#options.tunnels?.driftCount ?? 0);
  }

  /** Whether others may lead callers to tasks of this node; false: it failed again and again. */
  get takesCallers(): boolean {
    return this.#meshFailures < mostMeshFailures;
  }

  /**
   * A node alone does not even look at its links. Where the mesh cannot be made, networks are
   * joined without it, and callers led on by the published ports of others. `onWanted` is told what
   * most likely comes of it, once there is nothing to do but to wait for the kernel.
   */
  async join(
    view: DiscoveryView,
    onWanted: (spans: readonly Span[]) => void = () => undefined,
  ): Promise<Joined> {
    this.#isTunnelFailing = false;
    const { spans, mesh } = await this.#wanted(view);
    const all = mesh === undefined ? spans : [...spans, mesh];
    const onUnderWay = (): void => onWanted(all);
    if (mesh !== undefined) {
      const joined = { spans: all, mesh };
      if (await this.#try(() => this.#show(all, onUnderWay))) {
        this.#meshFailures = 0;
        return joined;
      }
    }
    const isDone = await this.#try(() => this.#show(spans, onUnderWay));
    if (mesh !== undefined && isDone) this.#meshFailures += 1;
    return { spans, mesh: undefined };
  }

  /** The spans besides the mesh. */
  async #wanted(view: DiscoveryView): Promise<Joined> {
    let wanted: Joined = { spans: [], mesh: undefined };
    if (view.nodes.size + (view.downNodes?.size ?? 0) < 2) return wanted;
    await this.#try(async () => {
      // Asked again at each look at the kernel: a program is started for it.
      this.#linkMtu ??= await this.#options.linkMtu();
      const linkMtu = this.#linkMtu;
      const spanned = { ...view, linkMtu, ...(await this.#tunnelFor(view)) };
      const { live, down } = meshPeers(view);
      const numbers = await this.#spans.numberWays([...live.values(), ...down.values()]);
      const sealed = { view, mtu: tunnelMtu(linkMtu) };
      const spans = await this.#sealed(spansOf(spanned, this.#places), sealed);
      wanted = { spans, mesh: meshOf(spanned, numbers) };
    });
    return wanted;
  }

  async #tunnelFor({ networks, nodeId }: DiscoveryView): Promise<Pick<Spanned, 'tunnel'>> {
    if (![...networks.values()].some(isEncrypted)) return {};
    const isAble = await this.#options.tunnels?.isAble();
    return isAble === true ? { tunnel: tunnelName(nodeId) } : {};
  }

  /** Brings up what encrypts; less the spans that need it, where that fails. */
  async #sealed(
    spans: readonly Span[],
    { view, mtu }: { readonly view: DiscoveryView; readonly mtu: number },
  ): Promise<readonly Span[]> {
    try {
      const isOther = await this.#options.tunnels?.hold({ ...view, spans, mtu });
      if (isOther === true) this.#spans.lookAnew();
      return spans;
    } catch (error) {
      this.#isTunnelFailing = true;
      this.#options.logger.error('nothing can be encrypted to other nodes; trying again soon', {
        error: TuttiError.from(error).message,
      });
      return spans.filter(({ tunnel }) => tunnel === undefined);
    }
  }

  async #show(spans: readonly Span[], onUnderWay: () => void): Promise<void> {
    await this.#spans.show(spans, onUnderWay);
    if (!this.#isTunnelFailing) await this.#options.tunnels?.release(spans);
  }

  /**
   * Compares the kernel with what was made, and repairs it; returns what differed. `isBrief`:
   * without what leads to each task elsewhere.
   */
  async recheck(
    { isBrief }: { readonly isBrief: boolean } = { isBrief: false },
  ): Promise<readonly string[]> {
    this.#linkMtu = undefined;
    const differences: string[] = [];
    await this.#try(async () => {
      differences.push(...((await this.#options.tunnels?.recheck()) ?? []));
      if (!isBrief) differences.push(...(await this.#spans.recheck()));
    });
    return differences;
  }

  async remove(): Promise<void> {
    await this.#spans.remove();
    await this.#options.tunnels?.remove();
  }

  /** Whoever cannot be reached on other nodes, those of this node go on. */
  async #try(join: () => Promise<void>): Promise<boolean> {
    try {
      await join();
      return true;
    } catch (error) {
      this.#options.logger.error('this node cannot be joined with others; trying again soon', {
        error: TuttiError.from(error).message,
      });
      return false;
    }
  }
}
