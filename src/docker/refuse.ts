import { TuttiError } from '../lib/error.ts';

/** Refuses a value; the sentence begins with the field. */
export function refuse(field: string, message: string, hint?: string): never {
  throw new TuttiError('invalid-argument', `${field}: ${message}`, {
    field,
    ...(hint === undefined ? {} : { hint }),
  });
}

/** Refuses what Docker knows and we do not do; better than dropping it silently. */
export function refuseUnsupported(field: string, what: string, hint?: string): never {
  throw new TuttiError('unimplemented', `${field}: ${what} not supported`, {
    field,
    ...(hint === undefined ? {} : { hint }),
  });
}
