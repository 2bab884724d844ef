/**
 * Routes as data. A pattern is made of segments: `services`, `:id` (one segment) or `*name` (one
 * segment or more, as in image references). A literal segment wins over `:id`, which wins over
 * `*name`.
 */
export interface Route<Handler> {
  readonly method: string;
  readonly pattern: string;
  readonly handler: Handler;
}

export type RouteMatch<Handler> =
  | {
      readonly kind: 'found';
      readonly handler: Handler;
      readonly params: Readonly<Record<string, string>>;
    }
  /** The path is known, the method is not. */
  | { readonly kind: 'wrong-method'; readonly allowed: readonly string[] }
  | { readonly kind: 'unknown' };

interface Entry<Handler> {
  readonly route: Route<Handler>;
  readonly segments: readonly string[];
}

/**
 * Finds the route of a request. Build it once; finding costs as much as there are routes of one
 * first segment.
 */
export class RouteTable<Handler> {
  readonly #byFirstSegment = new Map<string, Entry<Handler>[]>();

  constructor(routes: Iterable<Route<Handler>>) {
    for (const route of routes) {
      const segments = split(route.pattern);
      const first = segments[0] ?? '';
      const entries = this.#byFirstSegment.get(first) ?? [];
      entries.push({ route, segments });
      this.#byFirstSegment.set(first, entries);
    }
    for (const entries of this.#byFirstSegment.values()) entries.sort(bySpecificity);
  }

  /**
   * `path` is percent-encoded; parameters come out decoded. A path that does not decode is unknown.
   */
  find(method: string, path: string): RouteMatch<Handler> {
    const segments = decode(split(path));
    if (segments === undefined) return { kind: 'unknown' };
    const allowed = new Set<string>();
    for (const { route, segments: pattern } of this.#byFirstSegment.get(segments[0] ?? '') ?? []) {
      const params = match(pattern, segments);
      if (params === undefined) continue;
      if (route.method === method || (route.method === 'GET' && method === 'HEAD')) {
        return { kind: 'found', handler: route.handler, params };
      }
      allowed.add(route.method);
    }
    return allowed.size > 0 ? { kind: 'wrong-method', allowed: [...allowed] } : { kind: 'unknown' };
  }
}

function split(path: string): readonly string[] {
  return path.replace(/^\/+|\/+$/g, '').split('/');
}

function decode(segments: readonly string[]): readonly string[] | undefined {
  try {
    return segments.map(decodeURIComponent);
  } catch {
    // A lone percent sign: no route has such a name.
    return undefined;
  }
}

function bySpecificity<Handler>(left: Entry<Handler>, right: Entry<Handler>): number {
  const length = Math.max(left.segments.length, right.segments.length);
  for (let index = 0; index < length; index += 1) {
    const difference = rank(left.segments[index]) - rank(right.segments[index]);
    if (difference !== 0) return difference;
  }
  return 0;
}

function rank(segment: string | undefined): number {
  if (segment === undefined) return 3;
  if (segment.startsWith('*')) return 2;
  return segment.startsWith(':') ? 1 : 0;
}

function match(
  pattern: readonly string[],
  segments: readonly string[],
): Readonly<Record<string, string>> | undefined {
  const params: Record<string, string> = {};
  let at = 0;
  for (const [index, expected] of pattern.entries()) {
    if (expected.startsWith('*')) {
      // Whatever follows the wildcard in the pattern takes its share from the end.
      const until = segments.length - (pattern.length - index - 1);
      if (until <= at) return undefined;
      params[expected.slice(1)] = segments.slice(at, until).join('/');
      at = until;
      continue;
    }
    const actual = segments[at];
    if (actual === undefined || actual === '') return undefined;
    if (expected.startsWith(':')) params[expected.slice(1)] = actual;
    else if (expected !== actual) return undefined;
    at += 1;
  }
  return at === segments.length ? params : undefined;
}
