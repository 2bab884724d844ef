import { defined } from '../lib/defined.ts';
import type { NetworkSpec, SubnetSpec } from '../model/network.ts';
import { checkDnsName } from './names.ts';
import { refuse, refuseUnsupported } from './refuse.ts';
import type { NetworkDocument } from './schema-network.ts';

/** Compiles a cluster network. Subnets are judged by admission, which knows what is taken. */
export function compileNetwork(document: NetworkDocument): NetworkSpec {
  const name = document.Name ?? '';
  checkDnsName(name);
  const driver =
    document.Driver === undefined || document.Driver === '' ? 'overlay' : document.Driver;
  if (driver !== 'overlay') {
    refuseUnsupported('Driver', `${JSON.stringify(driver)} in scope swarm is`, 'Use overlay.');
  }
  if (document.Scope !== undefined && !['', 'swarm', 'global'].includes(document.Scope)) {
    refuse('Scope', `must be swarm for this driver, not ${JSON.stringify(document.Scope)}`);
  }
  if (document.ConfigOnly === true) refuseUnsupported('ConfigOnly', 'configuration networks are');
  if ((document.ConfigFrom?.Network ?? '') !== '') {
    refuseUnsupported('ConfigFrom', 'configuration networks are');
  }
  if (document.EnableIPv4 === false) refuseUnsupported('EnableIPv4', 'networks without IPv4 are');
  return defined({
    name,
    labels: document.Labels ?? {},
    driver,
    driverOptions: document.Options ?? {},
    internal: document.Internal ?? false,
    attachable: document.Attachable ?? false,
    ingress: document.Ingress ?? false,
    enableIpv6: document.EnableIPv6 ?? false,
    subnets: compileSubnets(document.IPAM),
    // A client that sends IPAM at all sees its driver again; `stack deploy` sends none.
    ipamDriver: document.IPAM === undefined ? undefined : compileIpamDriver(document.IPAM.Driver),
    ipamOptions: compileIpamOptions(document.IPAM?.Options),
  });
}

function compileIpamDriver(driver: string | undefined): string {
  if (driver === undefined || driver === '' || driver === 'default') return 'default';
  return refuseUnsupported('IPAM.Driver', `${JSON.stringify(driver)} is`, 'Use default.');
}

function compileIpamOptions(options: Readonly<Record<string, string>> | undefined) {
  return options === undefined || Object.keys(options).length === 0 ? undefined : options;
}

function compileSubnets(ipam: NetworkDocument['IPAM']): readonly SubnetSpec[] {
  return (ipam?.Config ?? []).map((config, index) => {
    const field = `IPAM.Config[${index}]`;
    const reserved = { ...config.AuxAddress, ...config.AuxiliaryAddresses };
    if (Object.keys(reserved).length > 0) {
      refuseUnsupported(`${field}.AuxiliaryAddresses`, 'reserved addresses are');
    }
    if (config.Subnet === undefined || config.Subnet === '') {
      refuse(`${field}.Subnet`, 'is missing', 'Give the subnet as 10.1.0.0/24.');
    }
    return defined({
      subnet: config.Subnet,
      gateway: config.Gateway === '' ? undefined : config.Gateway,
      ipRange: config.IPRange === '' ? undefined : config.IPRange,
    });
  });
}
