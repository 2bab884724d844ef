import { formatAddress, parseAddress, parseSubnet } from '../lib/ipv4.ts';
import type { Network } from '../model/network.ts';
import type { Service } from '../model/service.ts';
import type { Task } from '../model/task.ts';
import { addressKey, isWanted } from '../store/schema.ts';
import type { View } from '../store/view.ts';
import type { AddressReuse } from './addresses.ts';
import { nodeThatHolds } from './addresses.ts';
import { assignableRange, reservedRange } from './subnet.ts';

/*
 * Addresses that a declaration names. The templates that name them keep them from all others, see
 * docs/design/orchestration.md.
 */

/** Why no task may have the address on that network, in a sentence; undefined: one may. */
export function refusalOfAddress(network: Network, address: string): string | undefined {
  const { name } = network.spec;
  const asked = parseAddress(address);
  if (asked === undefined) return `"${address}" is no IPv4 address; write it like 10.0.9.5`;
  if (network.predefined === true) return `the network ${name} of the node gives no addresses`;
  const [chosen] = network.subnets;
  const subnet = chosen && parseSubnet(chosen.subnet);
  if (chosen === undefined || subnet === undefined) return `the network ${name} has no subnet`;
  const where = `${chosen.subnet} of network ${name}`;
  if (asked < subnet.first || asked > subnet.last) return `${address} is not inside ${where}`;
  if (asked === subnet.first) return `${address} is the address of the subnet ${where} itself`;
  if (asked === subnet.last) return `${address} is the broadcast address of ${where}`;
  if (address === chosen.gateway) return `${address} is the gateway of network ${name}`;
  const { first, last } = reservedRange(subnet);
  if (asked < first) return undefined;
  const range = `${formatAddress(first)} to ${formatAddress(last)}`;
  return `${address} is one of the last addresses of ${where}, ${range}, which container engines have`;
}

/** What became of the wish for an address: it, with its prefix length, or who has it by now. */
export type StaticClaim =
  | { readonly kind: 'free'; readonly address: string }
  | { readonly kind: 'in-use'; readonly holder: string }
  | { readonly kind: 'outside' };

/** Whether a task may have the address on its node now, because nobody lives who has it. */
export function claimStaticAddress(
  view: View,
  network: Network,
  of: {
    readonly address: string;
    readonly addressReuse: AddressReuse;
    /** Where the task is to run: that node itself keeps it from starting beside another. */
    readonly nodeId: string;
  },
): StaticClaim {
  const { address, addressReuse: reuse, nodeId } = of;
  const range = assignableRange(network);
  if (range === undefined || refusalOfAddress(network, address) !== undefined) {
    return { kind: 'outside' };
  }
  const key = addressKey(network.id, address);
  const holder = holderOf(view, key);
  if (holder !== undefined) return { kind: 'in-use', holder };
  const node = nodeThatHolds(view, key, { reuse, exceptNodeId: nodeId });
  if (node === undefined) return { kind: 'free', address: `${address}/${range.prefixLength}` };
  const past = `a task that ended on node ${node.description.hostname}, which does not know so yet`;
  return { kind: 'in-use', holder: past };
}

/**
 * Who keeps a service from declaring the address, in words; undefined: nobody. Who is on its way
 * out does not: the service's task waits for it.
 */
export function otherOwner(view: View, service: Service, key: string): string | undefined {
  for (const template of view.templates.by('address', key)) {
    const other = view.services.get(template.serviceId);
    if (other === undefined || other.id === service.id || other.removing === true) continue;
    if (other.templateId === template.id) return `service ${other.spec.name}`;
  }
  for (const other of view.services.by('address', key)) {
    if (other.id !== service.id && other.removing !== true) return virtualAddressOf(other);
  }
  for (const task of view.tasks.by('address', key)) {
    const isGoing = !isWanted(task) || view.services.get(task.serviceId)?.removing === true;
    if (task.serviceId !== service.id && !isGoing) return nameOfTask(view, task);
  }
  return containerWith(view, key);
}

/** Who has the address now, in words. */
export function holderOf(view: View, key: string): string | undefined {
  for (const task of view.tasks.by('address', key)) return nameOfTask(view, task);
  for (const service of view.services.by('address', key)) return virtualAddressOf(service);
  return containerWith(view, key);
}

/** The service that declares the address, in words. */
export function declarerOf(view: View, key: string): string | undefined {
  for (const { serviceId } of view.templates.by('address', key)) {
    const service = view.services.get(serviceId);
    if (service !== undefined) return `service ${service.spec.name}`;
  }
  return undefined;
}

function virtualAddressOf({ spec }: Service): string {
  return `service ${spec.name} (as its virtual address)`;
}

function nameOfTask(view: View, task: Task): string {
  const service = view.services.get(task.serviceId)?.spec.name ?? task.serviceId;
  const on = task.nodeId === undefined ? '' : ` on node ${hostnameOf(view, task.nodeId)}`;
  return `task ${service}.${task.slot}${on}`;
}

function containerWith(view: View, key: string): string | undefined {
  for (const { container, nodeId } of view.attachments.by('address', key)) {
    const name = container === undefined ? 'a container' : `container ${container.name}`;
    return `${name} of node ${hostnameOf(view, nodeId)}`;
  }
  return undefined;
}

function hostnameOf(view: View, nodeId: string): string {
  return view.nodes.get(nodeId)?.description.hostname ?? nodeId;
}
