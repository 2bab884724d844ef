import type { HttpHeaders } from '../../src/host/http.ts';

/** A request that must be refused. */
export interface BadCase {
  readonly what: string;
  readonly body?: unknown;
  /** Sent as it is, JSON or not. */
  readonly rawBody?: string;
  readonly headers?: HttpHeaders;
  /** Instead of the route's own. */
  readonly line?: string;
  readonly status: number;
  /** The sentence; it names the field. */
  readonly says: RegExp;
}

export interface BadRoute {
  /** `POST /services/create`. */
  readonly line: string;
  readonly cases: readonly BadCase[];
}

/** Bodies that no route with a document takes. */
export const badDocuments: readonly BadCase[] = [
  { what: 'an empty body', rawBody: '', status: 400, says: /body/ },
  { what: 'half a document', rawBody: '{"Name', status: 400, says: /body: invalid JSON/ },
  { what: 'a text', rawBody: '"x"', status: 400, says: /body: must be an object/ },
  { what: 'a document too large', rawBody: 'too large', status: 413, says: /body/ },
];

/** Filters that no list takes. */
export function badFilters(route: string): readonly BadCase[] {
  const line = (filters: string): string => `GET ${route}?filters=${encodeURIComponent(filters)}`;
  return [
    { what: 'filters that are no JSON', line: line('{'), status: 400, says: /filters/ },
    { what: 'a list of filters', line: line('["name"]'), status: 400, says: /filters/ },
    { what: 'a text as filters', line: line('"name"'), status: 400, says: /filters/ },
    { what: 'an unknown filter', line: line('{"nmae":["x"]}'), status: 400, says: /'nmae'/ },
    { what: 'a text as values', line: line('{"label":"x"}'), status: 400, says: /filters\.label/ },
    { what: 'numbers as values', line: line('{"label":[1]}'), status: 400, says: /filters\.label/ },
    {
      what: 'texts as flags',
      line: line('{"label":{"x":"yes"}}'),
      status: 400,
      says: /filters\.label/,
    },
    {
      what: 'nothing as values',
      line: line('{"label":null}'),
      status: 400,
      says: /filters\.label/,
    },
  ];
}
