import { parseAddress } from '../lib/ipv4.ts';
import { stackLabel } from '../model/labels.ts';
import { knownDriverOptions, type NetworkSpec, type SubnetSpec } from '../model/network.ts';
import type { ServiceSpec } from '../model/service.ts';
import type { NetworkAttachmentSpec } from '../model/template.ts';
import type { Field } from './field.ts';
import { type Scope, scopedName } from './scope.ts';

export interface StackNetworks {
  /** Full names by the names that the document uses. */
  readonly names: ReadonlyMap<string, string>;
  /** Networks to make, by the names that the document uses; external ones are not among them. */
  readonly specs: ReadonlyMap<string, NetworkSpec>;
}

const defaultNetwork = 'default';

/** Reads the top-level `networks`; the `default` one is there whether it is written or not. */
export function readNetworks(root: Field, stack: string): StackNetworks {
  const names = new Map<string, string>();
  const specs = new Map<string, NetworkSpec>();
  const field = root.at('networks');
  const members = field.absent ? [] : field.members();
  for (const [key, network] of members) {
    const external = network.at('external');
    const isExternal = external.isMapping || external.boolean() === true;
    const oldName = external.isMapping ? external.at('name').string() : undefined;
    const named = network.at('name').string() ?? oldName;
    names.set(key, named ?? (isExternal ? key : scopedName(stack, key)));
    const spec = networkSpec(network, { stack, name: names.get(key) ?? key });
    if (!isExternal) specs.set(key, spec);
  }
  if (!names.has(defaultNetwork)) {
    const name = scopedName(stack, defaultNetwork);
    names.set(defaultNetwork, name);
    specs.set(defaultNetwork, { ...emptyNetwork, name, labels: { [stackLabel]: stack } });
  }
  return { names, specs };
}

const emptyNetwork: NetworkSpec = {
  name: '',
  labels: {},
  driver: 'overlay',
  driverOptions: {},
  internal: false,
  attachable: false,
  ingress: false,
  enableIpv6: false,
  subnets: [],
};

function networkSpec(
  field: Field,
  scope: { readonly stack: string; readonly name: string },
): NetworkSpec {
  const driver = field.at('driver').string() ?? 'overlay';
  if (driver !== 'overlay' && driver !== 'bridge') {
    field.at('driver').fail(`the network driver "${driver}" is not supported; use overlay`);
  }
  const labels = field.at('labels');
  const spec: NetworkSpec = {
    ...emptyNetwork,
    name: scope.name,
    driverOptions: readDriverOptions(field.at('driver_opts')),
    labels: { ...(labels.absent ? {} : labels.labels()), [stackLabel]: scope.stack },
    internal: field.at('internal').boolean() ?? false,
    attachable: field.at('attachable').boolean() ?? false,
    enableIpv6: field.at('enable_ipv6').boolean() ?? false,
    subnets: readSubnets(field.at('ipam')),
  };
  if (field.at('enable_ipv4').boolean() === false) {
    field.at('enable_ipv4').warnIgnored('every network has IPv4 addresses');
  }
  if (!field.absent) field.refuseUnknown();
  return spec;
}

/** Options of other drivers mean nothing to the networks of a cluster. */
function readDriverOptions(field: Field): Readonly<Record<string, string>> {
  const options = Object.entries(field.absent ? {} : field.labels());
  const foreign = options.map(([name]) => name).filter((name) => !knownDriverOptions.has(name));
  if (foreign.length > 0) field.warnIgnored(`${foreign.join(', ')} is not known here`);
  return Object.fromEntries(options.filter(([name]) => knownDriverOptions.has(name)));
}

function readSubnets(ipam: Field): readonly SubnetSpec[] {
  if (ipam.absent) return [];
  const driver = ipam.at('driver').string();
  if (driver !== undefined && driver !== 'default') {
    ipam.at('driver').warnIgnored('addresses are chosen by the cluster');
  }
  ipam.at('options').warnIgnored('addresses are chosen by the cluster');
  const config = ipam.at('config');
  const subnets = config.absent ? [] : config.items();
  return subnets.flatMap((item) => {
    const subnet = item.at('subnet').string();
    const gateway = item.at('gateway').string();
    const ipRange = item.at('ip_range').string();
    item.at('aux_addresses').warnIgnored('addresses are chosen by the cluster');
    item.refuseUnknown();
    if (subnet === undefined) return [];
    return [
      {
        subnet,
        ...(gateway !== undefined && { gateway }),
        ...(ipRange !== undefined && { ipRange }),
      },
    ];
  });
}

/** The networks that a service joins, each with the aliases under which it answers there. */
export function readAttachments(
  service: Field,
  options: { readonly key: string; readonly scope: Scope },
): readonly NetworkAttachmentSpec[] {
  const { key, scope } = options;
  const mode = service.at('network_mode').string();
  if (mode !== undefined) return attachByMode(service.at('network_mode'), mode);
  // Who gives a container a name calls it by that.
  const containerName = service.at('container_name').string();
  const called = containerName === undefined ? [] : [containerName];
  const field = service.at('networks');
  const joined: readonly (readonly [string, Field])[] = field.isMapping
    ? field.members()
    : field.absent
      ? [[defaultNetwork, field]]
      : field.items().map((item) => [item.string() ?? '', item] as const);
  return joined.flatMap(([name, member]) => {
    const networkId = scope.networkNames.get(name);
    if (networkId === undefined) {
      member.fail(`the network "${name}" is not declared; add it under the top-level "networks"`);
      return [];
    }
    const ipv4Address = member.isMapping ? addressOf(member.at('ipv4_address')) : undefined;
    const own = member.isMapping ? aliasesOf(member) : [];
    const aliases = [...own, key, ...called].filter((alias, at, all) => all.indexOf(alias) === at);
    const address = ipv4Address === undefined ? {} : { ipv4Address };
    return [{ networkId, aliases, driverOptions: {}, ...address }];
  });
}

function aliasesOf(member: Field): readonly string[] {
  for (const unsupported of ['ipv6_address', 'link_local_ips', 'mac_address']) {
    member.at(unsupported).warnIgnored('tasks get their addresses from the network');
  }
  for (const unsupported of ['priority', 'gw_priority', 'interface_name', 'driver_opts']) {
    member.at(unsupported).warnIgnored('it is not passed on to containers');
  }
  const aliases = member.at('aliases');
  const names = aliases.absent ? [] : aliases.strings();
  member.refuseUnknown();
  return names;
}

function addressOf(field: Field): string | undefined {
  const address = field.string();
  if (address === undefined || parseAddress(address) !== undefined) return address;
  return field.fail(`expected an IPv4 address such as 10.0.9.5, found "${address}"`);
}

/** Two tasks cannot have one address, not even while one takes the place of the other. */
export function checkStaticAddresses(service: Field, spec: ServiceSpec): void {
  const networks = service.at('networks');
  if (!networks.isMapping) return;
  const { mode } = spec;
  for (const [, member] of networks.members()) {
    const field = member.isMapping ? member.at('ipv4_address') : undefined;
    if (field === undefined || field.absent) continue;
    if (mode.kind !== 'replicated') {
      field.fail(`one task has an address, a ${mode.kind} service more; leave it out`);
    } else if (mode.replicas > 1) {
      field.fail(`one task has an address, not ${mode.replicas}; leave it out, or run one replica`);
    }
    for (const settings of ['update', 'rollback'] as const) {
      if (spec[settings]?.order !== 'start-first') continue;
      const order = service.at('deploy').at(`${settings}_config`).at('order');
      order.fail('the task before has the static address of the next; use stop-first');
    }
  }
}

function attachByMode(field: Field, mode: string): readonly NetworkAttachmentSpec[] {
  if (mode === 'host' || mode === 'bridge') {
    return [{ networkId: mode, aliases: [], driverOptions: {} }];
  }
  const instead =
    mode === 'none'
      ? 'put the service on a network with "internal: true"'
      : 'use host or bridge, or put both services on one network';
  field.fail(`"${mode}" is not supported; ${instead}`);
  return [];
}
