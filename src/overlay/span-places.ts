import { withoutPrefix } from '../lib/ipv4.ts';
import { changedKeys, LayeredMap } from '../lib/layered-map.ts';
import type { CatalogNode, CatalogTask, NetworkAssignment } from '../model/assignment.ts';
import { encryptedOption } from '../model/network.ts';

export interface Placed {
  readonly nodeId: string;
  readonly tasks: ReadonlyMap<string, CatalogTask>;
  readonly nodes: ReadonlyMap<string, CatalogNode>;
  readonly networks: ReadonlyMap<string, NetworkAssignment>;
}

export interface SpanPlaces {
  /** Ids of the networks that have a task here. */
  readonly here: ReadonlySet<string>;
  /** By network: the address of each task elsewhere, and that of its node. */
  readonly elsewhere: ReadonlyMap<string, ReadonlyMap<string, string>>;
}

/** The address of a task on a network, and where it is; undefined: here. */
interface Place {
  readonly networkId: string;
  readonly address: string;
  readonly node: string | undefined;
}

/**
 * Where the tasks of views that follow on each other are. What is as it was stays the same object:
 * it costs what differs.
 */
export class FollowedPlaces {
  #tasks: Placed['tasks'] = new Map();
  /** Nodes and networks, as far as places follow from them. */
  #world = '';
  /** How many tasks there are here, by network. */
  readonly #here = new Map<string, number>();
  readonly #elsewhere = new Map<string, LayeredMap<string, string>>();
  /** Two tasks have one address for a moment: whose it is depends on their order. */
  #isContested = false;
  #shown: SpanPlaces = { here: new Set(), elsewhere: new Map() };

  of(placed: Placed): SpanPlaces {
    const { tasks } = placed;
    const world = worldOf(placed);
    if (world !== this.#world || this.#isContested) this.#forget();
    this.#world = world;
    const isChanged = this.#follow(placed);
    this.#tasks = tasks;
    if (!isChanged) return this.#shown;
    const elsewhere = [...this.#elsewhere].map(
      ([id, remotes]) => [id, remotes.snapshot()] as const,
    );
    this.#shown = { here: new Set(this.#here.keys()), elsewhere: new Map(elsewhere) };
    return this.#shown;
  }

  #forget(): void {
    this.#tasks = new Map();
    this.#here.clear();
    this.#elsewhere.clear();
    this.#isContested = false;
    this.#shown = { here: new Set(), elsewhere: new Map() };
  }

  /** Whether anything is elsewhere than it was. */
  #follow(placed: Placed): boolean {
    const before = this.#tasks;
    const gone: CatalogTask[] = [];
    const come: CatalogTask[] = [];
    for (const taskId of changedKeys(before, placed.tasks)) {
      const known = before.get(taskId);
      const task = placed.tasks.get(taskId);
      if (known !== undefined && task !== undefined && isInSamePlace(known, task)) continue;
      if (task !== undefined) come.push(task);
      if (known !== undefined) gone.push(known);
    }
    for (const task of gone) for (const place of placesOf(placed, task)) this.#remove(place);
    for (const task of come) for (const place of placesOf(placed, task)) this.#add(place);
    return gone.length + come.length > 0;
  }

  #add({ networkId, address, node }: Place): void {
    if (node === undefined) {
      this.#here.set(networkId, (this.#here.get(networkId) ?? 0) + 1);
      return;
    }
    const remotes = this.#remotesOf(networkId);
    if (remotes.has(address)) this.#isContested = true;
    remotes.set(address, node);
  }

  #remove({ networkId, address, node }: Place): void {
    if (node === undefined) {
      const count = (this.#here.get(networkId) ?? 0) - 1;
      if (count > 0) this.#here.set(networkId, count);
      else this.#here.delete(networkId);
      return;
    }
    const remotes = this.#remotesOf(networkId);
    remotes.delete(address);
    if (remotes.size === 0) this.#elsewhere.delete(networkId);
  }

  #remotesOf(networkId: string): LayeredMap<string, string> {
    const known = this.#elsewhere.get(networkId);
    if (known !== undefined) return known;
    const remotes = new LayeredMap<string, string>();
    this.#elsewhere.set(networkId, remotes);
    return remotes;
  }
}

function isInSamePlace(one: CatalogTask, other: CatalogTask): boolean {
  if (one.nodeId !== other.nodeId || one.addresses.length !== other.addresses.length) return false;
  return one.addresses.every(({ networkId, address }, index) => {
    const at = other.addresses[index];
    return at?.networkId === networkId && at.address === address;
  });
}

function worldOf({ nodeId, nodes, networks }: Placed): string {
  const encrypted = [...networks.values()].filter(isEncrypted).map(({ networkId }) => networkId);
  const known = [...nodes.values()].map(
    (node) => `${node.nodeId} ${node.address} ${node.tunnel !== undefined}`,
  );
  return [nodeId, ...encrypted, ...known].join();
}

export function isEncrypted({ driverOptions }: Pick<NetworkAssignment, 'driverOptions'>): boolean {
  return driverOptions[encryptedOption] !== undefined;
}

/**
 * None for a task on a node that is not known, or has this node's address: nothing leads there; nor
 * on encrypted networks for one whose node has no key: nobody could read there what is sent.
 */
function placesOf({ nodeId, nodes, networks }: Placed, task: CatalogTask): readonly Place[] {
  const isHere = task.nodeId === nodeId;
  const elsewhere = isHere ? undefined : nodes.get(task.nodeId);
  const node = elsewhere?.address;
  if (!isHere && (node === undefined || node === nodes.get(nodeId)?.address)) return [];
  return task.addresses.flatMap(({ networkId, address }) => {
    const network = networks.get(networkId);
    const isSealed = network !== undefined && isEncrypted(network);
    if (!isHere && isSealed && elsewhere?.tunnel === undefined) return [];
    return [{ networkId, address: withoutPrefix(address), node }];
  });
}
