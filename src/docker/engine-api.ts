import type { HttpAnswer, HttpPeer } from '../host/http.ts';
import { TuttiError } from '../lib/error.ts';
import { type ApiMinor, formatApi, newestApi, parseApi } from './api-version.ts';
import { isRecord } from './go-json.ts';

interface Range {
  readonly oldest: ApiMinor;
  readonly newest: ApiMinor;
}

/** What every Docker Engine since 1.12 speaks; assumed of one that does not say. */
const assumedOldest: ApiMinor = 24;

/**
 * The container engine behind its socket. It refuses versions newer than its own, so every path
 * gets the nearest version that it speaks.
 */
export class EngineApi {
  readonly peer: HttpPeer;
  #range: Range | undefined;

  constructor(peer: HttpPeer) {
    this.peer = peer;
  }

  /** `/v1.41/containers/json?all=1` for a client that asked at `version`. */
  async target(
    version: ApiMinor,
    options: { readonly path: string; readonly query?: string; readonly signal: AbortSignal },
  ): Promise<string> {
    const nearest = await this.nearestVersion(version, options.signal);
    const query = options.query === undefined || options.query === '' ? '' : `?${options.query}`;
    return `/v${formatApi(nearest)}${options.path}${query}`;
  }

  async nearestVersion(version: ApiMinor, signal: AbortSignal): Promise<ApiMinor> {
    const { oldest, newest } = await this.#speaks(signal);
    return Math.max(oldest, Math.min(version, newest));
  }

  /** Asks the engine something for ourselves. */
  async get(
    path: string,
    options: {
      readonly query?: string;
      readonly signal: AbortSignal;
      readonly version?: ApiMinor;
    },
  ): Promise<HttpAnswer> {
    const { signal } = options;
    const target = await this.target(options.version ?? newestApi, { path, ...options });
    return this.peer.call({ method: 'GET', target, signal });
  }

  /**
   * The engine may have been replaced by another version: each ping tells, and costs nothing more.
   */
  noteNewest(version: string | undefined): void {
    const newest = version === undefined ? undefined : parseApi(version);
    if (newest !== undefined && newest !== this.#range?.newest) this.#range = undefined;
  }

  async #speaks(signal: AbortSignal): Promise<Range> {
    if (this.#range !== undefined) return this.#range;
    const answer = await this.peer.call({ method: 'GET', target: '/version', signal });
    const said = readJson(answer);
    const text = (key: string): string =>
      isRecord(said) && typeof said[key] === 'string' ? said[key] : '';
    const newest = parseApi(text('ApiVersion'));
    if (newest === undefined) {
      throw new TuttiError('unavailable', 'the container engine does not say which API it speaks');
    }
    this.#range = { newest, oldest: parseApi(text('MinAPIVersion')) ?? assumedOldest };
    return this.#range;
  }
}

/** Reads an answer's JSON. @throws TuttiError `unavailable` where it is none. */
export function readJson(answer: HttpAnswer): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(answer.body));
  } catch (error) {
    throw new TuttiError('unavailable', `an answer with status ${answer.status} is not JSON`, {
      cause: error,
    });
  }
}
