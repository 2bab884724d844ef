import type { Clock } from '../host/clock.ts';
import type { Logger } from '../host/logger.ts';
import type { TunnelDevices } from '../host/tunnel-devices.ts';
import type { TunnelKeyStore } from '../host/tunnel-key-store.ts';
import { TuttiError } from '../lib/error.ts';
import { sameJson } from '../lib/json.ts';
import type { CatalogNode } from '../model/assignment.ts';
import {
  type NodeEncryption,
  type TunnelEnd,
  type TunnelKeys,
  tunnelPort,
} from '../model/encryption.ts';
import type { Span } from '../overlay/spans.ts';
import { rotate } from '../overlay/tunnel-keys.ts';
import {
  keysInUse,
  parseTunnel,
  type TunnelOrder,
  tunnelOrder,
  type TunnelState,
} from '../overlay/tunnel-tables.ts';
import { type Tunnel, tunnelOf } from '../overlay/tunnels.ts';

export interface TunnelsOptions {
  readonly devices: TunnelDevices;
  readonly keys: TunnelKeyStore;
  readonly clock: Clock;
  readonly logger: Logger;
  /** What the node says of itself about encryption is other than before. */
  onKeys(): void;
}

/** What a tunnel follows from. */
export interface TunnelWanted {
  readonly spans: readonly Span[];
  readonly nodes: ReadonlyMap<string, CatalogNode>;
  readonly nodeId: string;
  readonly mtu: number;
}

/** Holds this node's end of what is encrypted between nodes, and its keys. */
export class Tunnels {
  readonly #options: TunnelsOptions;
  #keys: TunnelKeys | undefined;
  /** Whoever asks meanwhile gets the same: of two pairs one would be told, and the other used. */
  #loading: Promise<TunnelKeys> | undefined;
  /** What the machine has; undefined: it has to be asked. */
  #shown: Tunnel | undefined;
  /** What a daemon before this one left, or one that could not be brought up, was looked for. */
  #hasSwept = false;
  /** Ends of other nodes, as managers told them last. */
  #ends: readonly TunnelEnd[] = [];
  #inUse: ReadonlySet<string> = new Set();
  /** What the node said of itself last. */
  #said: NodeEncryption | undefined;
  #driftCount = 0;

  constructor(options: TunnelsOptions) {
    this.#options = options;
  }

  /** How often the machine was found to have something else. */
  get driftCount(): number {
    return this.#driftCount;
  }

  async isAble(): Promise<boolean> {
    return (await this.#options.devices.problem()) === undefined;
  }

  /** What the node says of itself. */
  async describe(): Promise<NodeEncryption> {
    const message = await this.#options.devices.problem();
    this.#said =
      message === undefined ? ableWith(await this.#loadKeys()) : { kind: 'unable', message };
    return this.#said;
  }

  async #loadKeys(): Promise<TunnelKeys> {
    if (this.#keys !== undefined) return this.#keys;
    this.#loading ??= this.#loadOrMake().finally(() => {
      this.#loading = undefined;
    });
    return await this.#loading;
  }

  async #loadOrMake(): Promise<TunnelKeys> {
    const { keys, clock } = this.#options;
    this.#keys = await keys.load();
    if (this.#keys !== undefined) return this.#keys;
    return await this.#saveKeys({ current: keys.newPair(), since: clock.now() });
  }

  async #saveKeys(keys: TunnelKeys): Promise<TunnelKeys> {
    await this.#options.keys.save(keys);
    this.#keys = keys;
    return keys;
  }

  /**
   * Brings the tunnel to what these spans need, before they lead through it. Where none of them is
   * encrypted it stays as it is, until `release`.
   *
   * @returns Whether the device is another one than before: what leads through it has to be made
   *   again.
   */
  async hold(wanted: TunnelWanted): Promise<boolean> {
    if (!wanted.spans.some(isSealed)) return false;
    const others = [...wanted.nodes.values()].filter(({ nodeId }) => nodeId !== wanted.nodeId);
    this.#ends = others.flatMap(({ tunnel }) => (tunnel === undefined ? [] : [tunnel]));
    const { current } = await this.#rotate(wanted.nodes.get(wanted.nodeId)?.tunnel?.nextPublicKey);
    const tunnel = tunnelOf({
      spans: wanted.spans,
      nodes: others,
      own: { publicKey: current.publicKey, port: tunnelPort },
      mtu: wanted.mtu,
      isInUse: (publicKey) => this.#inUse.has(publicKey),
    });
    if (tunnel === undefined) return false;
    const shown = this.#shown;
    const isMade = isSameTunnel(shown, tunnel) ? false : await this.#bring(tunnel, shown);
    // Others are told of a key once it works here, or they would speak to nobody.
    if (!sameJson(this.#said, ableWith(await this.#loadKeys()))) this.#options.onKeys();
    return isMade;
  }

  async #rotate(told: string | undefined): Promise<TunnelKeys> {
    const { clock, keys, logger } = this.#options;
    const before = await this.#loadKeys();
    const after = rotate(before, { now: clock.now(), told, newPair: () => keys.newPair() });
    if (after === before) return before;
    if (after.current !== before.current) {
      logger.info('the key for encrypted networks changes', { since: before.since });
    }
    return await this.#saveKeys(after);
  }

  async #bring(wanted: Tunnel, shown: Tunnel | undefined): Promise<boolean> {
    const { devices } = this.#options;
    const { device } = wanted;
    this.#shown = undefined;
    this.#hasSwept = false;
    let found = await this.#find(wanted);
    const isMade = found === undefined;
    if (isMade) {
      await devices.make(device, wanted);
      found = await this.#find(wanted);
    }
    if (found === undefined) {
      throw new TuttiError('unavailable', `nobody answers for the tunnel ${device}`);
    }
    await this.#order(device, tunnelOrder(found, { wanted, shown: isMade ? undefined : shown }));
    this.#shown = wanted;
    return isMade;
  }

  /** Undefined: there is none, or not one as it is wanted. */
  async #find({ device, mtu }: Tunnel): Promise<TunnelState | undefined> {
    const found = await this.#options.devices.read(device);
    if (found?.mtu !== mtu || !found.isUp || !found.takesDetours) return undefined;
    return parseTunnel(found.dump ?? '');
  }

  async #order(device: string, order: TunnelOrder | undefined): Promise<void> {
    if (order === undefined) return;
    const privateKey = (await this.#loadKeys()).current.privateKey;
    const { parameters, isKeyOther } = order;
    await this.#options.devices.order(device, {
      parameters,
      ...(isKeyOther && { privateKey }),
    });
  }

  /** After the spans are as they were given: takes away what leads nowhere by now. */
  async release(spans: readonly Span[]): Promise<void> {
    const kept = spans.find(isSealed)?.tunnel;
    if (this.#hasSwept && (kept !== undefined || this.#shown === undefined)) return;
    const { devices } = this.#options;
    for (const device of await devices.list()) if (device !== kept) await devices.remove(device);
    if (kept === undefined) this.#shown = undefined;
    this.#hasSwept = true;
  }

  /** Compares the machine with what was shown, and repairs it; what differed. */
  async recheck(): Promise<readonly string[]> {
    if (this.#said?.kind === 'unable' && (await this.isAble())) this.#options.onKeys();
    const shown = this.#shown;
    if (shown === undefined) return [];
    const found = await this.#find(shown);
    if (found !== undefined) this.#inUse = keysInUse(found, this.#ends);
    const isRight =
      found !== undefined && tunnelOrder(found, { wanted: shown, shown }) === undefined;
    if (isRight) return [];
    this.#driftCount += 1;
    this.#options.logger.warn('somebody changed what encrypts between nodes; making it again', {
      device: shown.device,
    });
    await this.#bring(shown, shown);
    return [`the tunnel ${shown.device} is not as it was made`];
  }

  /** Removes every tunnel, whoever made it, and the keys. */
  async remove(): Promise<void> {
    const { devices, keys } = this.#options;
    for (const device of await devices.list()) await devices.remove(device);
    await keys.forget();
    this.#keys = undefined;
    this.#shown = undefined;
    this.#inUse = new Set();
  }
}

function isSealed({ tunnel }: Span): boolean {
  return tunnel !== undefined;
}

function ableWith({ current, next }: TunnelKeys): NodeEncryption {
  return {
    kind: 'able',
    publicKey: current.publicKey,
    port: tunnelPort,
    ...(next !== undefined && { nextPublicKey: next.publicKey }),
  };
}

function isSameTunnel(one: Tunnel | undefined, other: Tunnel): boolean {
  if (one === undefined) return false;
  return sameJson({ ...one, peers: [...one.peers] }, { ...other, peers: [...other.peers] });
}
