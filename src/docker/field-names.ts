import { staticAddressOption } from '../model/network.ts';

/** Where a part of the model stands in Docker's documents (moby api/types/swarm). */
const moved: readonly (readonly [ours: RegExp, dockers: string])[] = [
  [/^template\.containers\[0\]\.(limits|reservations)\b/, 'taskTemplate.resources.$1'],
  [/^template\.containers\[0\]/, 'taskTemplate.containerSpec'],
  [/^template\.restart\b/, 'taskTemplate.restartPolicy'],
  [/^template\b/, 'taskTemplate'],
  [/^spec\.placement\b/, 'taskTemplate.placement'],
  [/^spec\.ports\b/, 'endpointSpec.ports'],
  [/^spec\.(update|rollback)\b/, '$1Config'],
  [/^spec\.subnets\b/, 'IPAM.config'],
  [/^spec\./, ''],
];

const renamed: ReadonlyMap<string, string> = new Map([
  ['workingDirectory', 'Dir'],
  ['healthCheck', 'Healthcheck'],
  ['dns', 'DNSConfig'],
  ['nanoCpus', 'NanoCPUs'],
  ['ipRange', 'IPRange'],
  ['ipamDriver', 'IPAM.Driver'],
  ['networkId', 'Target'],
  ['enableIpv6', 'EnableIPv6'],
  ['ipv4Address', `DriverOpts[${JSON.stringify(staticAddressOption)}]`],
]);

/** `template.containers[0].stopGracePeriodMs` is `TaskTemplate.ContainerSpec.StopGracePeriod`. */
export function dockerField(field: string): string {
  const [ours, dockers] = moved.find(([pattern]) => pattern.test(field)) ?? [/^/, ''];
  return field.replace(ours, dockers).split('.').map(dockerName).join('.');
}

function dockerName(segment: string): string {
  const [name = '', index = ''] = segment.split(/(?=\[)/);
  const known = renamed.get(name);
  if (known !== undefined) return known + index;
  const bare = name.replace(/Ms$/, '');
  return bare.slice(0, 1).toUpperCase() + bare.slice(1) + index;
}
