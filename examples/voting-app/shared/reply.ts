/** A request, reduced to what the two pages look at. */
export interface PageRequest {
  readonly method: string;
  readonly path: string;
  readonly cookie: string;
  readonly body: string;
}

/** Carries one server-sent event to the browser. */
export type SendEvent = (data: string) => void;

/** What a handler answers: a whole body, or events until the browser or the server goes. */
export type Reply =
  | {
      readonly kind: 'body';
      readonly status: number;
      readonly headers: Readonly<Record<string, string>>;
      readonly body: string;
    }
  | {
      readonly kind: 'events';
      readonly open: (send: SendEvent, closed: AbortSignal) => void;
    };

export type Handler = (request: PageRequest) => Promise<Reply>;

/** A reply for people, in plain text. */
export function textReply(
  status: number,
  body: string,
  headers: Record<string, string> = {},
): Reply {
  return {
    kind: 'body',
    status,
    headers: { 'content-type': 'text/plain; charset=utf-8', ...headers },
    body: `${body}\n`,
  };
}

/** A reply for programs. */
export function jsonReply(status: number, value: unknown): Reply {
  return {
    kind: 'body',
    status,
    headers: { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' },
    body: `${JSON.stringify(value)}\n`,
  };
}

/** The reply to a method that a path does not know. */
export function methodNotAllowed(method: string, allowed: string): Reply {
  return textReply(405, `${method} is not possible here; use ${allowed}.`, { allow: allowed });
}
