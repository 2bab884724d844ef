import { TuttiError } from '../lib/error.ts';
import type { Instant } from '../model/instant.ts';
import type { ClusterEvent } from './cluster-events.ts';
import { type Filters, matchesAny, matchesLabels, parseFilters } from './filters.ts';

/**
 * What `docker events` may ask for; those of the container engine are here to be passed on to it.
 */
const eventFilters = [
  'config',
  'container',
  'daemon',
  'event',
  'image',
  'label',
  'network',
  'node',
  'plugin',
  'scope',
  'secret',
  'service',
  'type',
  'volume',
] as const;

export interface EventQuery {
  readonly filters: Filters;
  /** Absent: nothing that is past. */
  readonly since?: Instant;
  /** Absent: for ever. */
  readonly until?: Instant;
}

export function parseEventQuery(query: URLSearchParams): EventQuery {
  const since = parseInstant(query, 'since');
  const until = parseInstant(query, 'until');
  if (since !== undefined && until !== undefined && since > until) {
    throw new TuttiError('invalid-argument', '`since` time cannot be after `until` time', {
      field: 'since',
    });
  }
  return {
    filters: parseFilters(query.get('filters'), eventFilters),
    ...(since === undefined ? {} : { since }),
    ...(until === undefined ? {} : { until }),
  };
}

function parseInstant(query: URLSearchParams, name: 'since' | 'until'): Instant | undefined {
  const text = query.get(name) ?? '';
  if (text === '') return undefined;
  if (!/^\d{1,12}(?:\.\d{1,9})?$/.test(text)) {
    throw new TuttiError('invalid-argument', `${name}: must be Unix seconds, not ${text}`, {
      field: name,
    });
  }
  return Number(text) * 1_000;
}

/** Whether a cluster event is one of those that were asked for (moby daemon/events/filter.go). */
export function wantsEvent(filters: Filters, event: ClusterEvent): boolean {
  const { type, action, id, attributes } = event;
  const isIt = (value: string): boolean =>
    value === id || value === attributes['name'] || id.startsWith(value);
  // A filter on one kind of object leaves no events of other kinds.
  for (const kind of ['config', 'network', 'node', 'secret', 'service'] as const) {
    if (filters.has(kind) && (type !== kind || !matchesAny(filters, kind, isIt))) return false;
  }
  for (const kind of ['container', 'daemon', 'image', 'plugin', 'volume'] as const) {
    if (filters.has(kind)) return false;
  }
  return (
    matchesAny(filters, 'scope', (value) => value === 'swarm') &&
    matchesAny(filters, 'type', (value) => value === type) &&
    matchesAny(filters, 'event', (value) => value === action) &&
    matchesLabels(filters, 'label', attributes)
  );
}
