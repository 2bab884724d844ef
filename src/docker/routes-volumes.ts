import { TuttiError } from '../lib/error.ts';
import { splitVersion } from './api-version.ts';
import { type DaemonRoute, toEngine } from './daemon-context.ts';
import { parseFilters } from './filters.ts';

/** From here on a prune spares named volumes unless the filter `all` says otherwise (moby 23.0). */
const sparesNamedSince = 42;

const pruneFilters = ['all', 'label', 'label!'] as const;

/**
 * `volume prune` means "all unused volumes" to an older engine and "unused anonymous volumes" to a
 * newer client. An engine that cannot make the difference must not delete what was to be spared.
 */
export const volumePruneRoute: DaemonRoute = {
  method: 'POST',
  pattern: '/volumes/prune',
  handler: async (context, request) => {
    const { http, version } = request;
    const { path } = splitVersion(http.path);
    const spoken = await context.engine.nearestVersion(version, http.signal);
    if (version < sparesNamedSince || spoken >= sparesNamedSince) {
      return toEngine(context, { request, path });
    }
    const filters = parseFilters(http.query.get('filters'), pruneFilters);
    const all = filters.get('all')?.[0] ?? 'false';
    if (!['true', '1'].includes(all)) {
      throw new TuttiError(
        'unimplemented',
        `the container engine (API 1.${spoken}) cannot tell anonymous volumes from named ones`,
        { hint: 'Remove volumes by name, or prune named ones too with --all.' },
      );
    }
    const rest = Object.fromEntries([...filters].filter(([key]) => key !== 'all'));
    const query = new URLSearchParams(http.query);
    query.set('filters', JSON.stringify(rest));
    return toEngine(context, { request, path, query });
  },
};
