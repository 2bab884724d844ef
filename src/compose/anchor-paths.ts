import { isMapping, type Mapping } from './field.ts';

type Resolve = (path: string) => string;

/**
 * Makes the relative paths of a document absolute, before it becomes part of one that may stand in
 * another directory (compose-spec "include", "extends").
 */
export function anchorPaths(root: Mapping, resolve: Resolve): Mapping {
  return {
    ...root,
    ...changed(root, 'services', (services) =>
      mapValues(services, (service) => anchorService(service, resolve)),
    ),
    ...changed(root, 'configs', (all) => mapValues(all, (one) => anchorFile(one, resolve))),
    ...changed(root, 'secrets', (all) => mapValues(all, (one) => anchorFile(one, resolve))),
  };
}

/** The same for one service. */
function anchorService(service: unknown, resolve: Resolve): unknown {
  if (!isMapping(service)) return service;
  const files = (value: unknown): unknown => mapItems(value, (item) => anchorPath(item, resolve));
  return {
    ...service,
    ...changed(service, 'env_file', files),
    ...changed(service, 'label_file', files),
    ...changed(service, 'volumes', (value) =>
      mapItems(value, (item) => anchorVolume(item, resolve)),
    ),
  };
}

function changed(
  mapping: Mapping,
  key: string,
  change: (value: unknown) => unknown,
): Record<string, unknown> {
  return mapping[key] === undefined ? {} : { [key]: change(mapping[key]) };
}

function mapValues(value: unknown, change: (member: unknown) => unknown): unknown {
  if (!isMapping(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, change(member)]));
}

function mapItems(value: unknown, change: (item: unknown) => unknown): unknown {
  return Array.isArray(value) ? value.map(change) : change(value);
}

function anchorPath(item: unknown, resolve: Resolve): unknown {
  if (typeof item === 'string') return resolve(item);
  if (!isMapping(item) || typeof item['path'] !== 'string') return item;
  return { ...item, path: resolve(item['path']) };
}

function anchorFile(item: unknown, resolve: Resolve): unknown {
  if (!isMapping(item) || typeof item['file'] !== 'string') return item;
  return { ...item, file: resolve(item['file']) };
}

/** Only what begins with a dot is a relative path; everything else is a name or absolute. */
function anchorVolume(item: unknown, resolve: Resolve): unknown {
  if (typeof item === 'string') {
    const [source = '', ...rest] = item.split(':');
    return source.startsWith('.') && rest.length > 0 ? [resolve(source), ...rest].join(':') : item;
  }
  if (!isMapping(item) || item['type'] !== 'bind') return item;
  const { source } = item;
  return typeof source === 'string' && source.startsWith('.')
    ? { ...item, source: resolve(source) }
    : item;
}
