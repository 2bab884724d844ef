import type { PlaygroundMachine } from '../host/playground-machine.ts';
import { TuttiError } from '../lib/error.ts';
import type { Orchestrator } from './state.ts';

/** Programs, each with the package of Debian and Ubuntu that brings it. */
const needed = [
  ['unshare', 'util-linux'],
  ['nsenter', 'util-linux'],
  ['setsid', 'util-linux'],
  ['mount', 'mount'],
  ['hostname', 'hostname'],
  ['sleep', 'coreutils'],
  ['ip', 'iproute2'],
  ['nft', 'nftables'],
  ['conntrack', 'conntrack'],
  ['iptables', 'iptables'],
  ['tini', 'tini'],
  ['containerd', 'containerd'],
  ['dockerd', 'docker.io'],
] as const;

type Machine = Pick<PlaygroundMachine, 'findProgram' | 'isRoot'>;

/** Where there are several managers. */
const neededByManagers = [['etcd', 'etcd-server']] as const;

/** Namespaces, links and the processes of others are root's alone. */
export function requireRoot({ isRoot }: Pick<Machine, 'isRoot'>): void {
  if (isRoot) return;
  throw new TuttiError(
    'permission-denied',
    'a playground takes network namespaces and container engines, which root alone may make',
    { hint: 'Run the command as root: sudo tutti playground …' },
  );
}

/**
 * @throws TuttiError `failed-precondition` that names missing programs, and their packages.
 */
export function requirePrograms(
  machine: Machine,
  request: { readonly managers: number; readonly orchestrator?: Orchestrator },
): void {
  const takesEtcd = request.managers > 1 && request.orchestrator !== 'swarm';
  const all = [...needed, ...(takesEtcd ? neededByManagers : [])];
  const missing = all.filter(([program]) => findProgram(machine, program) === undefined);
  if (missing.length === 0) return;
  const programs = missing.map(([program]) => program).join(', ');
  const packages = [...new Set(missing.map(([, debianPackage]) => debianPackage))].join(' ');
  throw new TuttiError(
    'failed-precondition',
    `a playground takes programs that this machine does not have: ${programs}`,
    { hint: `On Debian and Ubuntu: apt-get install --no-install-recommends ${packages}` },
  );
}

/** The first process of a host: it clears away what others leave. */
export function findInit(machine: Machine): string {
  return findProgram(machine, 'tini') ?? 'tini';
}

function findProgram(machine: Machine, name: string): string | undefined {
  const found = machine.findProgram(name);
  // The packages of Docker itself bring it under another name.
  return name === 'tini' ? (found ?? machine.findProgram('docker-init')) : found;
}
