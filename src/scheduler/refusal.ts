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
    default:
      return unreachable(cause.filter.code);
  }
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

function resourceHint(loads: readonly NodeLoad[], { needs }: Demand): string {
  const freeCpus = Math.max(
    ...loads.map(({ node, nanoCpus }) => node.description.nanoCpus - nanoCpus),
  );
  const freeMemory = Math.max(
    ...loads.map(({ node, memoryBytes }) => node.description.memoryBytes - memoryBytes),
  );
  return (
    `It reserves ${cpus(needs.nanoCpus)} and ${mebibytes(needs.memoryBytes)}; the most that one ` +
    `node has left is ${cpus(freeCpus)}, and ${mebibytes(freeMemory)}.`
  );
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

function cpus(nanoCpus: number): string {
  return `${Math.max(0, nanoCpus) / 1e9} CPUs`;
}

function mebibytes(bytes: number): string {
  return `${Math.floor(Math.max(0, bytes) / (1024 * 1024))} MiB`;
}
