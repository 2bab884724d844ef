import type { z } from 'zod';
import { TuttiError } from '../lib/error.ts';

/**
 * A request's JSON, as the schema has it.
 *
 * @throws TuttiError `invalid-argument` that names the first wrong field.
 */
export function parseBody<T>(schema: z.ZodType<T>, body: Uint8Array): T {
  const parsed = schema.safeParse(parseJson(body));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const field = ['body', ...(issue?.path ?? [])].map(String).join('.');
  throw new TuttiError('invalid-argument', `${field}: ${issue?.message ?? 'is not valid'}`, {
    field,
  });
}

function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(body));
  } catch (error) {
    throw new TuttiError('invalid-argument', 'body: expected JSON', {
      field: 'body',
      cause: error,
    });
  }
}
