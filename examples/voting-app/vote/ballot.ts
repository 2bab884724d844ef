import { isChoice } from '../shared/vote.ts';
import type { Choice } from '../shared/vote.ts';

const voterIdPattern = /^[0-9A-Za-z-]{1,64}$/;

/** Reads the field `vote` of a form, encoded as browsers do; undefined when it is no choice. */
export function readChoice(form: string): Choice | undefined {
  const choices = new URLSearchParams(form).getAll('vote');
  return choices.length === 1 && isChoice(choices[0]) ? choices[0] : undefined;
}

/** The voter that a Cookie header names; undefined when it names none that we could have given. */
export function readVoterId(cookie: string): string | undefined {
  for (const pair of cookie.split(';')) {
    const [name, value] = pair.trim().split('=', 2);
    if (name === 'voter_id' && value !== undefined && voterIdPattern.test(value)) return value;
  }
  return undefined;
}

/** The Set-Cookie header that lets a browser vote again as the same person, for a year. */
export function voterCookie(voterId: string): string {
  return `voter_id=${voterId}; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax`;
}
