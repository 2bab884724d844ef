import { isIpv6 } from '../model/ipv6.ts';
import type { Network } from '../model/network.ts';
import { goTime } from './go-time.ts';
import { unlessEmpty, unlessZero } from './omit-empty.ts';

const vxlanOption = 'com.docker.network.driver.overlay.vxlanid_list';
const overlay = 'overlay';

/** A cluster network as `GET /networks` shows it (moby api/types/network/inspect.go). */
export function showNetwork(network: Network): object {
  const { spec } = network;
  return {
    Name: spec.name,
    Id: network.id,
    Created: goTime(network.createdAt),
    Scope: 'swarm',
    Driver: driverOf(network),
    EnableIPv6: spec.enableIpv6,
    IPAM: {
      Driver: network.predefined === true ? '' : (spec.ipamDriver ?? 'default'),
      Options: unlessEmpty(spec.ipamOptions ?? {}) ?? null,
      Config: network.subnets.map(({ subnet, gateway }) => ({
        Subnet: subnet,
        IPRange: rangeOf(network, subnet),
        Gateway: gateway,
      })),
    },
    Internal: spec.internal,
    Attachable: spec.attachable,
    Ingress: spec.ingress,
    ConfigFrom: { Network: '' },
    ConfigOnly: false,
    Containers: null,
    Options: network.predefined === true ? null : driverOptions(network),
    Labels: unlessEmpty(spec.labels) ?? null,
  };
}

/** The same network inside a task (moby api/types/swarm/network.go). */
export function showAttachedNetwork(network: Network): object {
  const { spec } = network;
  const ipam = { Driver: { Name: unlessZero(spec.ipamDriver ?? '') } };
  return {
    ID: network.id,
    Version: { Index: network.version },
    CreatedAt: goTime(network.createdAt),
    UpdatedAt: goTime(network.updatedAt),
    Spec: {
      Name: spec.name,
      Labels: spec.labels,
      DriverConfiguration: spec.ingress
        ? {}
        : { Name: driverOf(network), Options: unlessEmpty(spec.driverOptions) },
      IPv6Enabled: unlessZero(spec.enableIpv6),
      Internal: unlessZero(spec.internal),
      Attachable: unlessZero(spec.attachable),
      Ingress: unlessZero(spec.ingress),
      IPAMOptions: spec.ipamDriver === undefined && !spec.ingress ? undefined : ipam,
      Scope: 'swarm',
    },
    DriverState: {
      Name: driverOf(network),
      Options: network.predefined === true ? undefined : driverOptions(network),
    },
    IPAMOptions: {
      Driver: { Name: spec.ipamDriver ?? 'default' },
      Configs: unlessEmpty(
        network.subnets.map(({ subnet, gateway }) => ({
          Subnet: subnet,
          Range: rangeOf(network, subnet),
          Gateway: gateway,
        })),
      ),
    },
  };
}

/** The declared one, of the same kind. */
function rangeOf({ spec }: Network, subnet: string): string | undefined {
  return spec.subnets.find((one) => isIpv6(one.subnet) === isIpv6(subnet))?.ipRange;
}

function driverOf(network: Network): string {
  return network.spec.driver === '' ? overlay : network.spec.driver;
}

function driverOptions(network: Network): object {
  const { vxlanId, spec } = network;
  return {
    ...spec.driverOptions,
    ...(vxlanId === undefined ? {} : { [vxlanOption]: String(vxlanId) }),
  };
}
