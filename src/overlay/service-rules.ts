import type { ServiceGroup } from '../catalog/service-groups.ts';
import type { PortForward } from '../host/network-devices.ts';
import { withoutPrefix } from '../lib/ipv4.ts';
import type { CatalogTask, NetworkAssignment } from '../model/assignment.ts';
import type { Affinity } from '../model/affinity.ts';
import { bridgeName } from './bridge-name.ts';
import type { OwnPart } from './rule-table.ts';
import { stickySlots } from './sticky-slots.ts';

/** What the rules of a node have of one service. */
export interface ServiceRules {
  readonly part: OwnPart;
  readonly virtualAddresses: readonly { readonly bridge: string; readonly address: string }[];
  readonly backEnds: readonly string[];
  /** How its virtual addresses choose. */
  readonly choices: readonly Choice[];
}

/** One of so many back ends at random, or by the caller's address. */
export type Choice = number | 'sticky';

export interface ServiceWorld {
  readonly networks: ReadonlyMap<string, NetworkAssignment>;
  /** This node's own id. */
  readonly nodeId: string;
  /** Whether a way leads from this node to a task's address on a network. */
  readonly reaches: (task: CatalogTask, networkId: string) => boolean;
}

export function serviceRules(
  group: ServiceGroup,
  { networks, nodeId, reaches }: ServiceWorld,
): ServiceRules {
  const vip: [string, string][] = [];
  const slotsOfAll: [string, string][] = [];
  const virtual: [string, string][] = [];
  const virtualAddresses: { readonly bridge: string; readonly address: string }[] = [];
  const found: string[] = [];
  const choices: Choice[] = [];
  const ready = group.tasks.filter((task) => task.ready);
  // A task elsewhere is led to itself by its own node.
  const own = ready.filter((task) => task.nodeId === nodeId);
  for (const { networkId, virtualAddress } of group.service?.networks ?? []) {
    const network = networks.get(networkId);
    // The ingress network belongs to nobody: services meet there that share no other network.
    if (virtualAddress === undefined || network === undefined || network.ingress) continue;
    const bridge = bridgeName(networkId);
    virtualAddresses.push({ bridge, address: virtualAddress });
    virtual.push([virtualAddress, '']);
    const backEnds = ready
      .filter((task) => reaches(task, networkId))
      .flatMap((task) => task.addresses.filter((one) => one.networkId === networkId))
      .map((one) => withoutPrefix(one.address));
    if (backEnds.length === 0) continue;
    const { choice, slots } = chooseFrom(backEnds, group.service?.affinity);
    choices.push(choice);
    vip.push([`"${bridge}" . ${virtualAddress}`, `goto vip-${choice}`]);
    for (const [slot, backEnd] of slots.entries()) {
      slotsOfAll.push([`${virtualAddress} . ${slot}`, backEnd]);
    }
    found.push(...backEnds);
  }
  const part: OwnPart = {
    vip,
    'vip-slot': slotsOfAll,
    virtual,
    ...(own.length > 0 && { self: selfOf(own) }),
  };
  const backEnds = choices.length > 1 ? [...new Set(found)] : found;
  return { part, virtualAddresses, backEnds, choices };
}

function chooseFrom(
  backEnds: readonly string[],
  affinity: Affinity | undefined,
): { readonly choice: Choice; readonly slots: readonly string[] } {
  return affinity === undefined
    ? { choice: backEnds.length, slots: backEnds }
    : { choice: 'sticky', slots: stickySlots(backEnds) };
}

/** A task may be led to itself, and comes by any of its networks. */
function selfOf(tasks: readonly CatalogTask[]): ReadonlyMap<string, string> {
  const self = new Map<string, string>();
  for (const { addresses } of tasks) {
    const own = addresses.map((one) => withoutPrefix(one.address));
    for (const from of own) for (const to of own) self.set(`${from} . ${to}`, '');
  }
  return self;
}

/** What the rules of a node have of one published port. */
export interface PortRules {
  readonly part: OwnPart;
  readonly backEnds: readonly string[];
  /** Undefined: it leads nowhere. */
  readonly choice?: Choice;
}

export function portRules(
  { protocol, port, backEnds, affinity }: PortForward,
  isPeer: (address: string) => boolean,
): PortRules {
  const key = `${protocol} . ${port}`;
  const held = new Map([[key, '']]);
  const [first] = backEnds;
  if (first === undefined) return { part: { held, idle: held }, backEnds: [] };
  const addresses = backEnds.map(({ address }) => address);
  const { choice, slots } = chooseFrom(addresses, affinity);
  const part: OwnPart = {
    held,
    port: new Map([[key, `goto port-${choice}`]]),
    // Every task of a service listens on the same port.
    'port-target': new Map([[key, String(first.port)]]),
    'port-slot': new Map(slots.map((address, slot) => [`${key} . ${slot}`, address] as const)),
    ...(addresses.some(isPeer) && { relayed: held }),
  };
  return { part, backEnds: addresses, choice };
}
