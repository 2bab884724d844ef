import { toBase36 } from '../lib/base36.ts';
import { type Refusal, refused } from './refusal.ts';

/*
 * Tokens look and are made as Swarm's are (swarmkit ca/config.go):
 * SWMTKN-1-<SHA-256 of the root certificate's PEM text>-<secret>, both in base 36.
 */

const prefix = 'SWMTKN';
const version = '1';
const digestBytes = 32;
const digestLength = 50;
const secretBytes = 16;
const secretLength = 25;
const digits = /^[0-9a-z]+$/;

export interface JoinToken {
  readonly kind: 'token';
  /** The root that the joiner must find, as in `Root.id`. */
  readonly rootId: string;
  readonly secret: string;
}

/** The id of a root: `digest` is the SHA-256 of its certificate's PEM text. */
export function rootIdOf(digest: Uint8Array): string {
  if (digest.length !== digestBytes) throw new RangeError(`a digest has ${digestBytes} bytes`);
  return toBase36(digest, digestLength);
}

/** A token with a new secret that pins the root. */
export function newJoinToken(rootId: string, randomBytes: (count: number) => Uint8Array): string {
  return `${prefix}-${version}-${rootId}-${toBase36(randomBytes(secretBytes), secretLength)}`;
}

/** Reads a token as a person gives it; says what is wrong with it without repeating its secret. */
export function parseJoinToken(text: string): JoinToken | Refusal {
  const [given, tokenVersion, rootId = '', secret = '', ...rest] = text.trim().split('-');
  if (given !== prefix) return malformed(`it does not begin with ${prefix}-`);
  if (tokenVersion !== version) {
    return malformed(`its version is ${JSON.stringify(tokenVersion ?? '')}, known is ${version}`);
  }
  if (rest.length > 0) return malformed('it has more than four parts');
  if (rootId.length !== digestLength || !digits.test(rootId)) {
    return malformed(
      `the digest of the certificate authority has ${rootId.length} characters, not ` +
        `${digestLength} of 0-9a-z`,
    );
  }
  if (secret.length !== secretLength || !digits.test(secret)) {
    return malformed(`the secret has ${secret.length} characters, not ${secretLength} of 0-9a-z`);
  }
  return { kind: 'token', rootId, secret };
}

function malformed(what: string): Refusal {
  return refused('malformed-token', {
    message: `the join token is not one: ${what}`,
    hint: 'Copy the whole line that "docker swarm join-token worker" prints on a manager.',
  });
}
