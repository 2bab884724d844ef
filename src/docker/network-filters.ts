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
    matchesAny(filters, 'type', matchesType) &&
    matchesAny(filters, 'dangling', (value) => isDangling(value) !== network.isUsed)
  );
}

/** Built in are the engine's `bridge`, `host` and `none`; none of the cluster's is. */
function matchesType(type: string): boolean {
  switch (type) {
    case 'builtin':
      return false;
    case 'custom':
      return true;
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
