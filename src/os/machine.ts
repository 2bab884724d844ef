import { existsSync, readFileSync } from 'node:fs';
import { hostname, networkInterfaces, setPriority } from 'node:os';
import { TuttiError } from '../lib/error.ts';
import type { OwnAddress } from '../model/own-address.ts';

/** The addresses of this machine that others may reach it by, IPv4, loopback left out. */
function outwardAddresses(): readonly {
  readonly name: string;
  readonly address: string;
  readonly cidr: string;
}[] {
  return Object.entries(networkInterfaces()).flatMap(([name, infos]) =>
    (infos ?? [])
      .filter((info) => info.family === 'IPv4' && !info.internal)
      .map((info) => ({ name, address: info.address, cidr: info.cidr ?? `${info.address}/32` })),
  );
}

/** Bridges that container engines and we make: no subnets that networks have to avoid. */
const madeByEngines = /^(docker|br-|tt-|veth)/;

const routesPath = '/proc/net/route';
/**
 * Routes to as much as 10.0.0.0/8 or 172.16.0.0/12, as private networks of companies have them: who
 * left out all of that would have nothing to choose from, and it is hardly all in use.
 */
const shortestAvoidedPrefix = 13;

/** Subnets that the machine has of its own or has routes to: `192.168.1.7/24`. */
export function hostSubnets(): readonly string[] {
  const own = outwardAddresses()
    .filter(({ name }) => !madeByEngines.test(name))
    .map(({ cidr }) => cidr);
  return [...own, ...routedSubnets()];
}

/** From the kernel's main table: name, destination and, eighth, mask; hexadecimal, reversed. */
function routedSubnets(): readonly string[] {
  const text = existsSync(routesPath) ? readFileSync(routesPath, 'utf8') : '';
  const lines = text.split('\n').slice(1);
  return lines.flatMap((line) => {
    const [name = '', destination = '', , , , , , mask = ''] = line.split(/\s+/);
    const prefixLength = Number.parseInt(mask, 16).toString(2).replaceAll('0', '').length;
    const isOurs = name === '' || madeByEngines.test(name);
    if (isOurs || prefixLength < shortestAvoidedPrefix) return [];
    return [`${fromReversedHex(destination)}/${prefixLength}`];
  });
}

function fromReversedHex(address: string): string {
  const bytes = address.match(/../g) ?? [];
  return bytes
    .toReversed()
    .map((byte) => Number.parseInt(byte, 16))
    .join('.');
}

/** Subnets of IPv6 that the machine has of its own: `2001:db8::7/64`. */
export function hostIpv6Subnets(): readonly string[] {
  return Object.entries(networkInterfaces()).flatMap(([name, infos]) =>
    madeByEngines.test(name)
      ? []
      : (infos ?? []).flatMap(({ family, internal, scopeid, cidr }) =>
          family === 'IPv6' && !internal && scopeid === 0 && cidr !== null ? [cidr] : [],
        ),
  );
}

/** The addresses of this machine by which others may reach it, those of containers left out. */
export function ownAddresses(): readonly OwnAddress[] {
  return outwardAddresses()
    .filter(({ name }) => !madeByEngines.test(name))
    .map(({ name, address }) => ({ device: name, address }));
}

/** The address that others reach this machine by; loopback on a machine that has no other. */
export function machineAddress(): string {
  return ownAddresses()[0]?.address ?? '127.0.0.1';
}

/** What the machine is called and where it is; asks nobody but itself. */
export function machineIdentity(): { readonly hostname: string; readonly address: string } {
  return { hostname: hostname(), address: machineAddress() };
}

/**
 * The address that `docker swarm init` means: one that was given, that of an interface that was
 * named, or this machine's own.
 *
 * @throws TuttiError `invalid-argument` for a name that is no interface of this machine.
 */
export async function resolveAddress(given: string | undefined): Promise<string> {
  if (given === undefined || given === '' || given === '0.0.0.0') return machineAddress();
  if (/^[\d.]+$/.test(given) || given.includes(':')) return given;
  const found = outwardAddresses().find(({ name }) => name === given);
  if (found !== undefined) return found.address;
  if (given === 'lo' || given === 'localhost') return '127.0.0.1';
  throw new TuttiError(
    'invalid-argument',
    `"${given}" is no address or interface of ${hostname()}`,
    {
      field: 'AdvertiseAddr',
      hint: 'Give an address such as 192.168.1.7, or an interface such as eth0.',
    },
  );
}

/** Of a program that others wait for, while what they wait for takes the whole machine. */
const controlPriority = -5;

/**
 * This process, and those that it starts, go before the containers: while those use every core, a
 * node that no longer says that it lives would be given up. Where that is not allowed, it goes on
 * as it is, and this returns false.
 */
export function goFirst(): boolean {
  try {
    setPriority(controlPriority);
    return true;
  } catch {
    return false;
  }
}
