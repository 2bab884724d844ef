import { mostManagers } from '../model/known-manager.ts';
import { TuttiError } from '../lib/error.ts';
import {
  formatAddress,
  formatSubnet,
  parseSubnet,
  type Subnet,
  subnetAt,
  subnetsOverlap,
} from '../lib/ipv4.ts';
import type { HostRole, Orchestrator, PlaygroundHost, PlaygroundState } from './state.ts';

/**
 * 198.18.0.0/15 is set aside for trying networks out (RFC 2544): no network of people has it, and
 * neither container engines nor clusters give addresses out of it.
 */
const firstCandidate = 0xc6_12_00_00;
const candidateCount = 512;
const prefixLength = 24;
const candidateSize = 2 ** (32 - prefixLength);

const mostHosts = 100;
const longestName = 20;

export interface PlaygroundRequest {
  readonly name: string;
  readonly managers: number;
  readonly workers: number;
  /** Default `tutti`. */
  readonly orchestrator?: Orchestrator;
}

export interface PlanContext {
  /** Unlike the name, used once. */
  readonly id: string;
  /** Subnets that are in use on the machine: `192.168.1.0/24`. */
  readonly taken: readonly string[];
}

/** What a playground will be. */
export function planPlayground(request: PlaygroundRequest, context: PlanContext): PlaygroundState {
  checkRequest(request);
  const subnet = chooseSubnet(context.taken);
  const roles: readonly HostRole[] = [
    ...Array.from({ length: request.managers }, () => 'manager' as const),
    ...Array.from({ length: request.workers }, () => 'worker' as const),
  ];
  const hosts = roles.map((role, index): PlaygroundHost => {
    const number = role === 'manager' ? index + 1 : index - request.managers + 1;
    return { name: `${role}-${number}`, role, address: formatAddress(subnet.first + index + 2) };
  });
  return {
    version: 1,
    id: context.id,
    name: request.name,
    phase: 'making',
    ...(request.orchestrator !== undefined && { orchestrator: request.orchestrator }),
    subnet: formatSubnet(subnet),
    machineAddress: formatAddress(subnet.first + 1),
    hosts,
    cuts: [],
    losses: [],
  };
}

/**
 * @throws TuttiError `invalid-argument` for what is no name of a playground.
 */
export function checkPlaygroundName(name: string): string {
  if (name.length <= longestName && /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(name)) return name;
  throw new TuttiError(
    'invalid-argument',
    `--name: expected up to ${longestName} lower-case letters, digits and -, found "${name}"`,
    { field: '--name' },
  );
}

function checkRequest({ name, managers, workers }: PlaygroundRequest): void {
  checkPlaygroundName(name);
  checkCount('--managers', managers, 1);
  checkCount('--workers', workers, 0);
  if (managers > mostManagers) {
    throw new TuttiError(
      'invalid-argument',
      `--managers: a cluster has at most ${mostManagers} managers, found ${managers}`,
      { field: '--managers', hint: 'Three survive the loss of one, five that of two.' },
    );
  }
  if (managers + workers > mostHosts) {
    throw new TuttiError(
      'invalid-argument',
      `--workers: a playground has at most ${mostHosts} hosts, found ${managers + workers}`,
      { field: '--workers' },
    );
  }
}

function checkCount(field: string, count: number, least: number): void {
  if (Number.isInteger(count) && count >= least) return;
  throw new TuttiError(
    'invalid-argument',
    `${field}: expected a whole number of at least ${least}, found ${count}`,
    { field },
  );
}

/** The first candidate that nothing of the machine overlaps. */
function chooseSubnet(taken: readonly string[]): Subnet {
  const others = taken.flatMap((text) => parseSubnet(text) ?? []);
  for (let index = 0; index < candidateCount; index += 1) {
    const subnet = subnetAt(firstCandidate + index * candidateSize, prefixLength);
    if (!others.some((other) => subnetsOverlap(other, subnet))) return subnet;
  }
  throw new TuttiError('resource-exhausted', 'no subnet of 198.18.0.0/15 is free on this machine', {
    hint: 'Remove playgrounds that nobody needs, or routes to that range: `ip route`.',
  });
}

/** Subnets in what `ip -json -4 route show table all` prints; the way out to everywhere is none. */
export function subnetsOfRoutes(json: string): readonly string[] {
  if (json.trim() === '') return [];
  const routes = JSON.parse(json) as readonly { readonly dst?: string; readonly type?: string }[];
  return routes.flatMap(({ dst = 'default' }) => {
    if (dst === 'default' || dst === '0.0.0.0/0') return [];
    return [dst.includes('/') ? dst : `${dst}/32`];
  });
}
