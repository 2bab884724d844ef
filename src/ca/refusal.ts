/** Why a peer is refused: a closed set, for audit logs and for those who read them. */
export type RefusalReason =
  | 'no-certificate'
  | 'unknown-issuer'
  | 'retired-issuer'
  | 'wrong-cluster'
  | 'unknown-node'
  | 'wrong-key'
  | 'not-yet-valid'
  | 'expired'
  | 'grace-over'
  | 'wrong-role'
  | 'other-node'
  | 'unknown-call'
  | 'malformed-token'
  | 'other-authority'
  | 'token-expired'
  | 'wrong-secret'
  | 'id-taken'
  | 'replayed'
  | 'cannot-manage'
  // What a joiner says to itself.
  | 'foreign-root'
  | 'bad-answer'
  | 'no-manager';

/** A refusal with its sentence, and what the person at the other side can do about it. */
export interface Refusal {
  readonly kind: 'refused';
  readonly reason: RefusalReason;
  readonly message: string;
  readonly hint: string;
}

export function refused(
  reason: RefusalReason,
  says: { readonly message: string; readonly hint: string },
): Refusal {
  return { kind: 'refused', reason, ...says };
}
