/**
 * The closed set of ways in which a request can fail. HTTP statuses come from one table in each
 * dialect.
 */
export const errorCodes = [
  'invalid-argument',
  'not-found',
  'already-exists',
  'conflict',
  'failed-precondition',
  'resource-exhausted',
  'permission-denied',
  'unauthenticated',
  'unimplemented',
  'unavailable',
  'cancelled',
  'internal',
] as const;

export type ErrorCode = (typeof errorCodes)[number];

export interface TuttiErrorOptions {
  /**
   * The field of the input that is to blame, as a path such as `services.web.ports[0].published`.
   */
  readonly field?: string;
  /** What the person can do about it; a sentence. */
  readonly hint?: string;
  readonly cause?: unknown;
}

/**
 * The only error class of the project. The message says what was wrong, with what value, and what
 * to do.
 */
export class TuttiError extends Error {
  override readonly name = 'TuttiError';
  readonly code: ErrorCode;
  readonly field: string | undefined;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, options: TuttiErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.field = options.field;
    this.hint = options.hint;
  }

  /**
   * Turns whatever was thrown into a TuttiError: the one place where `unknown` becomes an error.
   */
  static from(reason: unknown): TuttiError {
    if (reason instanceof TuttiError) return reason;
    if (reason instanceof Error) {
      const code: ErrorCode = reason.name === 'AbortError' ? 'cancelled' : 'internal';
      return new TuttiError(code, reason.message, { cause: reason });
    }
    return new TuttiError('internal', String(reason), { cause: reason });
  }
}
