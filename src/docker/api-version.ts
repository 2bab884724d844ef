import { TuttiError } from '../lib/error.ts';

/** A version of the Docker Engine API: `1.51` is minor 51. There is no other major. */
export type ApiMinor = number;

/** What we speak (docker/cli 28.5 asks for 1.51 at most, 29.x for 1.40 at least). */
export const newestApi: ApiMinor = 51;
export const oldestApi: ApiMinor = 24;

export function formatApi(minor: ApiMinor): string {
  return `1.${minor}`;
}

/** Undefined for what is no version at all. */
export function parseApi(text: string): ApiMinor | undefined {
  const parts = /^1\.(\d{1,3})$/.exec(text);
  return parts?.[1] === undefined ? undefined : Number(parts[1]);
}

export interface VersionedPath {
  /** The version asked for; without a prefix the newest, as Docker reads it. */
  readonly version: ApiMinor;
  /** The path without its prefix. */
  readonly path: string;
}

/**
 * Splits `/v1.41/services` into version and path.
 * @throws TuttiError `invalid-argument` for versions that we do not speak, in Docker's words.
 */
export function splitVersion(path: string): VersionedPath {
  const parts = /^\/v(\d+(?:\.\d+)*)(\/.*)$/.exec(path);
  if (parts?.[1] === undefined || parts[2] === undefined) return { version: newestApi, path };
  const asked = parts[1];
  const minor = parseApi(asked);
  if (minor === undefined || minor > newestApi) {
    throw new TuttiError(
      'invalid-argument',
      `client version ${asked} is too new. ` +
        `Maximum supported API version is ${formatApi(newestApi)}`,
    );
  }
  if (minor < oldestApi) {
    throw new TuttiError(
      'invalid-argument',
      `client version ${asked} is too old. ` +
        `Minimum supported API version is ${formatApi(oldestApi)}, ` +
        'please upgrade your client to a newer version',
    );
  }
  return { version: minor, path: parts[2] };
}
