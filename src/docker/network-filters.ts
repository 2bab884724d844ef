import { TuttiError } from '../lib/error.ts';
import { type Filters, matchesAny, matchesLabels } from './filters.ts';

export const networkFilters = [
  'dangling',
  'driver',
  'id',
  'label',
  'name',
  'scope',
  'type',
] as const;

export interface FilteredNetwork {
  readonly id: string;
  readonly name: string;
  readonly driver: string;
  readonly scope: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Comes with the cluster or the engine: `type=builtin`. */
  readonly isBuiltIn: boolean;
  readonly isUsed: boolean;
}

/** Docker's filters of networks: names and ids match as parts (moby daemon/network/filter.go). */
export function matchesNetwork(filters: Filters, network: FilteredNetwork): boolean {
  return (
    matchesAny(filters, 'driver', (driver) => driver === network.driver) &&
    matchesAny(filters, 'scope', (scope) => scope === network.scope) &&
    matchesAny(filters, 'name', (name) => network.name.includes(name)) &&
    matchesAny(filters, 'id', (id) => network.id.startsWith(id)) &&
    matchesLabels(filters, 'label', network.labels) &&
    matchesAny(filters, 'type', (type) => matchesType(type, network)) &&
    matchesAny(filters, 'dangling', (value) => isDangling(value) !== network.isUsed)
  );
}

function matchesType(type: string, network: FilteredNetwork): boolean {
  switch (type) {
    case 'builtin':
      return network.isBuiltIn;
    case 'custom':
      return !network.isBuiltIn;
    default:
      throw new TuttiError('invalid-argument', `invalid filter: 'type'='${type}'`, {
        field: 'filters.type',
        hint: 'Use builtin or custom.',
      });
  }
}

function isDangling(value: string): boolean {
  if (['true', '1'].includes(value)) return true;
  if (['false', '0'].includes(value)) return false;
  throw new TuttiError('invalid-argument', `invalid value for 'dangling' filter: "${value}"`, {
    field: 'filters.dangling',
    hint: 'Use true or false.',
  });
}
