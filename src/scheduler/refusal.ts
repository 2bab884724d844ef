import { unreachable } from '../lib/assert.ts';
import { nodeProperty } from '../model/constraint.ts';
import type { Constraint } from '../model/constraint.ts';
import type { Instant } from '../model/instant.ts';
import type { Reason, ReasonCode } from '../model/reason.ts';
import type { Demand, Filter } from './filters.ts';
import { refusedBy } from './filters.ts';
import type { NodeLoad } from './node-load.ts';

/** Nodes or values that a hint names before it says how many more there are. */
const namedAtMost = 5;

interface Refused {
  readonly filter: Filter;
  readonly loads: NodeLoad[];
}

/** Why none of the nodes can take the task: Swarm's sentence, and what a person can do about it. */
export function refusalOf(
  loads: readonly NodeLoad[],
  of: { readonly demand: Demand; readonly filters: readonly Filter[]; readonly since: Instant },
): Reason {
  const refused = new Map<Filter, Refused>();
  for (const load of loads) {
    const filter = refusedBy(of.filters, load);
    if (filter === undefined) continue;
    const entry = refused.get(filter);
    if (entry === undefined) refused.set(filter, { filter, loads: [load] });
    else entry.loads.push(load);
  }
  const causes = [...refused.values()].toSorted(
    (left, right) => right.loads.length - left.loads.length,
  );
  const { since } = of;
  const [main] = causes;
  if (main === undefined) {
    const hint = 'Start the daemon on a node, or join one to the cluster.';
    return { code: 'no-suitable-node', message: 'no suitable node', hint, since };
  }
  const said = causes.map(({ filter, loads: nodes }) => filter.explain(nodes.length)).join('; ');
  const code: ReasonCode = causes.length === 1 ? main.filter.code : 'no-suitable-node';
  const hints = causes.map((cause) => hintFor(cause, of.demand)).filter((hint) => hint !== '');
  const message = `no suitable node (${said})`;
  return hints.length === 0
    ? { code, message, since }
    : { code, message, hint: hints.join(' '), since };
}

function hintFor(cause: Refused, demand: Demand): string {
  switch (cause.filter.code) {
    case 'no-node-ready':
      return readyHint(cause.loads, demand);
    case 'insufficient-resources':
      return resourceHint(cause.loads, demand);
    case 'constraint-unmet':
      return constraintHint(cause.loads, demand);
    case 'platform-mismatch':
      return platformHint(cause.loads, demand);
    case 'host-port-in-use':
      return (
        `Port ${demand.needs.hostPorts.join(', ')} is taken: ${named(cause.loads)} using it; ` +
        'publish another port, or run fewer tasks that need it.'
      );
    case 'max-replicas-per-node':
      return (
        `At most ${demand.service.spec.placement.maxReplicasPerNode} tasks of ` +
        `${demand.service.spec.name} may run on one node; raise the limit or add nodes.`
      );
    case 'encryption-missing':
      return encryptionHint(cause.loads);
    default:
      return unreachable(cause.filter.code);
  }
}

/** What each of the machines lacks: `node worker-1: there is no program wg on it.` */
function encryptionHint(loads: readonly NodeLoad[]): string {
  const lacks = loads.slice(0, namedAtMost).flatMap(({ node: { description } }) => {
    const { encryption, hostname } = description;
    return encryption?.kind === 'unable' ? [`${hostname}: ${encryption.message}.`] : [];
  });
  return (
    `${lacks.join(' ')} Install wireguard-tools there, and wireguard-go where the kernel has no ` +
    'WireGuard: it is noticed within a minute.'
  );
}

function readyHint(loads: readonly NodeLoad[], demand: Demand): string {
  const drained = loads.filter(({ node }) => node.spec.availability === 'drain');
  const paused = loads.filter(({ node }) => node.spec.availability === 'pause');
  const silent = loads.filter(
    ({ node }) =>
      node.spec.availability === 'active' && demand.observed.node(node.id)?.state !== 'ready',
  );
  return [
    drained.length > 0 ? `${named(drained)} drained: set the availability to active.` : '',
    paused.length > 0 ? `${named(paused)} paused: set the availability to active.` : '',
    silent.length > 0 ? `${named(silent)} not connected: look whether the daemon runs there.` : '',
  ]
    .filter((part) => part !== '')
    .join(' ');
}

/** What is lacking on how many nodes: `1 node: not enough memory (needs 64 GiB, free 20 GiB).` */
function resourceHint(loads: readonly NodeLoad[], { needs }: Demand): string {
  const resources = [
    {
      what: 'CPUs',
      needed: needs.nanoCpus,
      free: ({ node, nanoCpus }: NodeLoad) => node.description.nanoCpus - nanoCpus,
      show: cpus,
    },
    {
      what: 'memory',
      needed: needs.memoryBytes,
      free: ({ node, memoryBytes }: NodeLoad) => node.description.memoryBytes - memoryBytes,
      show: binaryBytes,
    },
  ];
  const lacks = resources.flatMap(({ what, needed, free, show }) => {
    const left = loads.map(free).filter((amount) => amount < needed);
    if (left.length === 0) return [];
    const most = show(Math.max(0, ...left), Math.floor);
    const nodes = left.length === 1 ? '1 node' : `${left.length} nodes`;
    const freeThere = left.length === 1 ? `free ${most}` : `free at most ${most}`;
    return [`${nodes}: not enough ${what} (needs ${show(needed, Math.ceil)}, ${freeThere}).`];
  });
  return `${lacks.join(' ')} Reserve less, stop what reserves the rest, or add a node.`;
}

function constraintHint(loads: readonly NodeLoad[], { constraints }: Demand): string {
  const hints = constraints
    .map((constraint) => oneConstraintHint(loads, constraint))
    .filter((hint) => hint !== '');
  if (hints.length > 0) return hints.join(' ');
  const all = constraints.map((constraint) => constraint.expression).join(', ');
  return `No single node meets all of ${all}.`;
}

/** Empty when some of the nodes meet this constraint. */
function oneConstraintHint(loads: readonly NodeLoad[], constraint: Constraint): string {
  const { key, operator, value, expression } = constraint;
  const values = loads.map(({ node }) => nodeProperty(node, key));
  const isMet = values.some(
    (actual) =>
      actual !== undefined &&
      (actual.toLowerCase() === value.toLowerCase()) === (operator === '=='),
  );
  if (isMet || key.toLowerCase() === 'node.ip') return '';
  if (values.every((actual) => actual === undefined)) {
    return `${expression}: no node has a property ${key}.`;
  }
  const label = /^(?:node|engine)\.labels\.(.+)$/i.exec(key)?.[1];
  if (label !== undefined && operator === '==' && values.every((actual) => actual === '')) {
    const how = key.toLowerCase().startsWith('node.')
      ? `docker node update --label-add ${label}=${value} NODE`
      : 'the labels of its container engine';
    return `No node has the label ${label}; set it with ${how}.`;
  }
  const seen = [...new Set(values.map((actual) => (actual === '' ? '(none)' : actual)))];
  return `${expression}: the nodes have ${listed(seen.map(String))}.`;
}

function platformHint(loads: readonly NodeLoad[], { service }: Demand): string {
  const wanted = service.spec.placement.platforms.map(
    ({ os = 'any', architecture = 'any' }) => `${os}/${architecture}`,
  );
  const present = new Set(
    loads.map(({ node }) => `${node.description.os}/${node.description.architecture}`),
  );
  return `The image is for ${listed(wanted)}; the nodes are ${listed([...present])}.`;
}

function named(loads: readonly NodeLoad[]): string {
  const names = listed(loads.map(({ node }) => node.description.hostname));
  return loads.length === 1 ? `node ${names} is` : `nodes ${names} are`;
}

function listed(names: readonly string[]): string {
  const more = names.length - namedAtMost;
  const shown = names.slice(0, namedAtMost).join(', ');
  return more > 0 ? `${shown} and ${more} more` : shown;
}

type Rounding = (value: number) => number;

function cpus(nanoCpus: number, round: Rounding): string {
  return String(round(nanoCpus / 1e6) / 1e3);
}

const binaryUnits = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

/** Two places at most; what is needed is rounded up and what is free down. */
function binaryBytes(bytes: number, round: Rounding): string {
  let amount = bytes;
  let unit = 0;
  while (amount >= 1_024 && unit < binaryUnits.length - 1) {
    amount /= 1_024;
    unit += 1;
  }
  return `${round(amount * 100) / 100} ${binaryUnits[unit]}`;
}
