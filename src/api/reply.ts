import type { HttpReply } from '../host/http.ts';
import { type ErrorCode, TuttiError } from '../lib/error.ts';

const statusOfCode: Readonly<Record<ErrorCode, number>> = {
  'invalid-argument': 400,
  'failed-precondition': 400,
  unauthenticated: 401,
  'permission-denied': 403,
  'not-found': 404,
  'already-exists': 409,
  conflict: 409,
  'resource-exhausted': 507,
  cancelled: 499,
  internal: 500,
  unimplemented: 501,
  unavailable: 503,
};

/** An error as this API tells it. */
export function errorReply(reason: unknown): HttpReply {
  const error = TuttiError.from(reason);
  return json(statusOfCode[error.code], {
    message: error.message,
    code: error.code,
    field: error.field,
    hint: error.hint,
  });
}

export function json(status: number, value: unknown): HttpReply {
  return {
    kind: 'whole',
    status,
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(value),
  };
}
