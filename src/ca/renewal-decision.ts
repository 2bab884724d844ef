import type { NodeRole } from '../model/node.ts';
import { authorise, type CallRequest, type Knowledge } from './authorise.ts';
import { type Refusal, refused } from './refusal.ts';

export interface RenewalAccepted {
  readonly kind: 'accepted';
  readonly nodeId: string;
  /** What the new certificate says: the row's role, so that a promotion travels with it. */
  readonly role: NodeRole;
}

/** Whether a node gets a new certificate: for its own key alone. */
export function decideRenewal(
  request: Pick<CallRequest, 'certificate'> & {
    /** Of the key that the new certificate is asked for. */
    readonly keyDigest: string;
  },
  knowledge: Knowledge,
): RenewalAccepted | Refusal {
  const { certificate, keyDigest } = request;
  const said = authorise({ call: 'authority.renew', certificate }, knowledge);
  if (said.kind === 'refused') return said;
  const row = said.kind === 'node' ? knowledge.node(said.nodeId) : undefined;
  if (row === undefined || row.keyDigest !== keyDigest) {
    return refused('wrong-key', {
      message: `a certificate for another key than the node's was asked for`,
      hint: 'A node keeps its key; with another one it is another node: leave, and join anew.',
    });
  }
  return { kind: 'accepted', nodeId: row.nodeId, role: row.role };
}
