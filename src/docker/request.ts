import type { HttpRequest } from '../host/http.ts';
import { TuttiError } from '../lib/error.ts';
import type { z } from 'zod';
import type { ApiMinor } from './api-version.ts';
import { checkDocument } from './go-json.ts';

/** A request whose version prefix and route parameters were taken off. */
export interface DockerRequest {
  readonly http: HttpRequest;
  readonly version: ApiMinor;
  readonly params: Readonly<Record<string, string>>;
}

export function param(request: DockerRequest, name: string): string {
  return request.params[name] ?? '';
}

/** Reads a JSON body and checks it. */
export async function readDocument<Schema extends z.ZodType>(
  request: DockerRequest,
  schema: Schema,
): Promise<z.output<Schema>> {
  return checkDocument(schema, await readJson(request));
}

export async function readJson(request: DockerRequest): Promise<unknown> {
  const type = request.http.headers['content-type'] ?? 'application/json';
  if (!/^(application\/json|text\/plain)\s*(;|$)/i.test(type)) {
    throw new TuttiError(
      'invalid-argument',
      `Content-Type: unsupported type ${JSON.stringify(type)}: must be "application/json"`,
      { field: 'Content-Type' },
    );
  }
  const bytes = await request.http.body();
  if (bytes.byteLength === 0) {
    throw new TuttiError('invalid-argument', 'body: a JSON document is expected, got EOF', {
      field: 'body',
    });
  }
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw new TuttiError('invalid-argument', `body: invalid JSON: ${messageOf(error)}`, {
      field: 'body',
      cause: error,
    });
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** `?force=1`: Docker reads 0, false, no, none and the empty text as false. */
export function queryFlag(request: DockerRequest, name: string): boolean {
  const value = (request.http.query.get(name) ?? '').trim().toLowerCase();
  return !['', '0', 'no', 'false', 'none'].includes(value);
}

/** `?version=N` of a read-modify-write. */
export function queryVersion(request: DockerRequest): number {
  const text = request.http.query.get('version') ?? '';
  const version = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(version)) {
    throw new TuttiError(
      'invalid-argument',
      `invalid version '${text}': must be the Version.Index that was read`,
      { field: 'version' },
    );
  }
  return version;
}
