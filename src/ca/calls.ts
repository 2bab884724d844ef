/**
 * Who may make a call:
 *
 * - `anyone`: peers without a certificate too; what the call says is judged by itself.
 * - `renewing`: a node, also one whose certificate is expired or of a retired root.
 * - `node`: a worker or a manager.
 * - `manager`: a manager.
 */
export type Access = 'anyone' | 'renewing' | 'node' | 'manager';

/** Every call that goes over the network between nodes. What is not here is refused. */
export const accessOfCalls = {
  /** The root's certificate, which a joiner holds against its token. */
  'authority.root': 'anyone',
  /** A join: the token in it decides. */
  'authority.join': 'anyone',
  'authority.renew': 'renewing',
  /** The agent's session: assignments, reports, leases. */
  'session.open': 'node',
  'session.logs': 'node',
  'node.leave': 'node',
  /** Requests of clients that a follower passes on to the leader. */
  'manager.forward': 'manager',
  /** Sessions and logs of agents that a follower passes on to the leader. */
  'manager.relay': 'manager',
  /** Membership of the store engine. */
  'manager.member': 'manager',
  /** The sealing key, for a manager that was promoted. */
  'manager.sealing-key': 'manager',
  /** A join that a follower has judged, to be written. */
  'manager.admit': 'manager',
  /** A node told a follower that it leaves. */
  'manager.left': 'manager',
} as const satisfies Readonly<Record<string, Access>>;

export type CallName = keyof typeof accessOfCalls;

/** Undefined where there is no such call; names of `Object.prototype` are none. */
export function accessOf(call: string): Access | undefined {
  return Object.hasOwn(accessOfCalls, call) ? accessOfCalls[call as CallName] : undefined;
}
