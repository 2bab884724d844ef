/** Where somebody listens. */
export interface HostPort {
  /** A name, an IPv4 address, or an IPv6 address without its brackets. */
  readonly host: string;
  readonly port: number;
}

/** The port of managers, as in Swarm. */
export const clusterPort = 2377;

/** Where managers listen unless a person says otherwise. */
export const defaultListenAddress = `0.0.0.0:${clusterPort}`;

/**
 * `192.0.2.1`, `192.0.2.1:2377`, `[2001:db8::1]:2377`, `eth0:2377`, `:2377`. The default port is
 * taken where none is given. Undefined where the text is none of these.
 */
export function parseHostPort(text: string, defaultPort = clusterPort): HostPort | undefined {
  const parts =
    /^(?:\[([0-9a-fA-F:.%]+)\]|([^\s/:[\]]*))(?::(\d{1,5}))?$/.exec(text) ??
    /^((?=.*::|(?:[^:]*:){7})[0-9a-fA-F:.]+)$/.exec(text);
  if (parts === null) return undefined;
  const [, bracketed, plain, digits] = parts;
  const port = digits === undefined ? defaultPort : Number(digits);
  if (port < 1 || port > 65_535) return undefined;
  return { host: bracketed ?? plain ?? '', port };
}

/** `192.0.2.1:2377`, `[2001:db8::1]:2377` */
export function formatHostPort({ host, port }: HostPort): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
