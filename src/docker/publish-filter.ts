import { hostPortsLabel, hostPortsOf } from '../model/host-ports.ts';
import { type Filters, matchesAny, parseFilters } from './filters.ts';
import { isRecord } from './go-json.ts';

/** A filter `publish` of a list of containers, which the engine cannot judge for tasks. */
export interface PublishFilter {
  /** The list of the tasks that have ports of the node at all, without this filter. */
  readonly query: string;
  matches(container: unknown): boolean;
}

/** Undefined: the query has none. What is malformed is the engine's to refuse. */
export function publishFilter(query: URLSearchParams): PublishFilter | undefined {
  const text = query.get('filters') ?? '{}';
  const { publish, expose, ...others } = Object.fromEntries(readFilters(text));
  // With both, Docker wants one of them to hold: then tasks are left out.
  if (publish === undefined || expose !== undefined) return undefined;
  const label = [...(others['label'] ?? []), hostPortsLabel];
  const further = new URLSearchParams(query);
  further.set('filters', JSON.stringify({ ...others, label }));
  return {
    query: further.toString(),
    matches: (container) => isPublished(container, new Map([['publish', publish]])),
  };
}

function readFilters(text: string): Filters {
  try {
    const given: unknown = JSON.parse(text);
    return parseFilters(text, isRecord(given) ? Object.keys(given) : []);
  } catch {
    return new Map();
  }
}

const range = /^(\d+)(?:-(\d+))?(?:\/(tcp|udp|sctp))?$/;

function isPublished(container: unknown, filters: Filters): boolean {
  const labels = isRecord(container) ? container['Labels'] : undefined;
  const ports = isRecord(labels) ? hostPortsOf(labels as Readonly<Record<string, string>>) : [];
  return matchesAny(filters, 'publish', (wanted) => {
    const [, first = '', last = first, protocol = 'tcp'] = range.exec(wanted) ?? [];
    return ports.some(
      (port) =>
        port.protocol === protocol &&
        port.publishedPort >= Number(first) &&
        port.publishedPort <= Number(last),
    );
  });
}
