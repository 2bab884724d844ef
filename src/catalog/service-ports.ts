import type { CatalogService } from '../model/assignment.ts';
import type { PublishedPort } from '../model/service.ts';

/** `_<port>._<protocol>.<owner>` (RFC 2782): where a service takes connections. */
export interface PortName {
  /** Its name, or its number inside of the containers. */
  readonly port: string;
  readonly protocol: string;
  /** Any name of the service. */
  readonly owner: string;
}

/** Undefined for what is no name of a port. In small letters, as the given name is. */
export function parsePortName(name: string): PortName | undefined {
  const [, port, protocol, owner] = /^_([^.]+)\._(tcp|udp|sctp)\.(.+)$/.exec(name) ?? [];
  if (port === undefined || protocol === undefined || owner === undefined) return undefined;
  return { port, protocol, owner };
}

/**
 * Where the containers of a service take what the port's name stands for; undefined where it
 * declares no such port. A published number stands for its target, unless that is a target, too.
 */
export function targetPortOf(
  service: CatalogService,
  { port, protocol }: Pick<PortName, 'port' | 'protocol'>,
): number | undefined {
  const ports = declaredPorts(service).filter((one) => one.protocol === protocol);
  const found =
    ports.find(({ name }) => name?.toLowerCase() === port) ??
    ports.find(({ targetPort }) => String(targetPort) === port) ??
    ports.find(({ publishedPort }) => String(publishedPort) === port);
  return found?.targetPort;
}

export function declaredPorts({ ports, hostPorts = [] }: CatalogService): readonly PublishedPort[] {
  return [...ports, ...hostPorts];
}
