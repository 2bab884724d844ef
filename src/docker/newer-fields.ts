import type { ApiMinor } from './api-version.ts';
import { isRecord, pathOf } from './go-json.ts';

interface NewerField {
  readonly since: ApiMinor;
  /** `*` stands for every item of a list or every key of an object. */
  readonly path: readonly string[];
}

/**
 * Settings of `POST /containers/create` that came after 1.41 (moby docs/api/version-history.md). An
 * older engine drops them without a word, and the container is not what was asked for.
 */
const newerFields: readonly NewerField[] = [
  { since: 42, path: ['HostConfig', 'Mounts', '*', 'BindOptions', 'CreateMountpoint'] },
  { since: 43, path: ['HostConfig', 'Annotations'] },
  { since: 44, path: ['Healthcheck', 'StartInterval'] },
  { since: 44, path: ['HostConfig', 'Mounts', '*', 'BindOptions', 'ReadOnlyNonRecursive'] },
  { since: 44, path: ['HostConfig', 'Mounts', '*', 'BindOptions', 'ReadOnlyForceRecursive'] },
  { since: 44, path: ['NetworkingConfig', 'EndpointsConfig', '*', 'MacAddress'] },
  { since: 45, path: ['HostConfig', 'Mounts', '*', 'VolumeOptions', 'Subpath'] },
  { since: 46, path: ['HostConfig', 'Mounts', '*', 'TmpfsOptions', 'Options'] },
  { since: 48, path: ['HostConfig', 'Mounts', '*', 'ImageOptions'] },
  { since: 48, path: ['NetworkingConfig', 'EndpointsConfig', '*', 'GwPriority'] },
];

/** The first setting that says something and that an engine of this version does not know. */
export function findNewerField(document: unknown, spoken: ApiMinor): string | undefined {
  for (const { since, path } of newerFields) {
    const found = since <= spoken ? undefined : findSet(document, path);
    if (found !== undefined) return pathOf(found);
  }
  return undefined;
}

/** Where the path leads to something, spelled as the document spells it. */
function findSet(
  value: unknown,
  path: readonly string[],
): readonly (string | number)[] | undefined {
  const [first, ...rest] = path;
  if (first === undefined) return saysSomething(value) ? [] : undefined;
  if (!isRecord(value) && !Array.isArray(value)) return undefined;
  for (const [key, item] of Object.entries<unknown>(value)) {
    if (first !== '*' && key.toLowerCase() !== first.toLowerCase()) continue;
    const found = findSet(item, rest);
    if (found !== undefined) return [Array.isArray(value) ? Number(key) : key, ...found];
  }
  return undefined;
}

function saysSomething(value: unknown): boolean {
  if (value === undefined || value === null || value === 0 || value === '' || value === false) {
    return false;
  }
  return typeof value !== 'object' || Object.keys(value).length > 0;
}
