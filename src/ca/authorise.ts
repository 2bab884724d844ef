import { unreachable } from '../lib/assert.ts';
import type { NodeRecord, PeerCertificate } from '../model/identity.ts';
import type { Instant } from '../model/instant.ts';
import type { NodeRole } from '../model/node.ts';
import type { Root } from '../model/root.ts';
import { accessOf } from './calls.ts';
import { type Refusal, refused } from './refusal.ts';
import { phaseOf } from './validity.ts';

/** What a cluster knows when it judges a peer. */
export interface Knowledge {
  readonly clusterId: string;
  readonly roots: readonly Pick<Root, 'id' | 'stage'>[];
  /** The row of a node; undefined where it was removed, or never was. */
  readonly node: (nodeId: string) => NodeRecord | undefined;
  readonly now: Instant;
}

export interface CallRequest {
  readonly call: string;
  /** Undefined: the peer showed none. */
  readonly certificate: PeerCertificate | undefined;
  /** The node that the call says it is about, where it says one. */
  readonly nodeId?: string;
}

export type Authorisation =
  | { readonly kind: 'anyone' }
  /** `role` is what the node may act as: the lesser of certificate and row. */
  | { readonly kind: 'node'; readonly nodeId: string; readonly role: NodeRole };

/**
 * Whether a peer may make a call now. To be asked for every call, not for every connection: rows,
 * roots and time change under an open one.
 */
export function authorise(request: CallRequest, knowledge: Knowledge): Authorisation | Refusal {
  const access = accessOf(request.call);
  if (access === undefined) {
    return refused('unknown-call', {
      message: `there is no call ${JSON.stringify(request.call)}`,
      hint: 'The nodes may run different versions: bring them to the same one.',
    });
  }
  if (access === 'anyone') return { kind: 'anyone' };
  const node = identify(request.certificate, { knowledge, renewing: access === 'renewing' });
  if (node.kind === 'refused') return node;
  if (request.nodeId !== undefined && request.nodeId !== node.nodeId) {
    return refused('other-node', {
      message: `node ${node.nodeId} made a call in the name of node ${request.nodeId}`,
      hint: 'A node speaks for itself alone. If its data directory was copied, join anew.',
    });
  }
  switch (access) {
    case 'renewing':
    case 'node':
      return node;
    case 'manager':
      if (node.role === 'manager') return node;
      return refused('wrong-role', {
        message: `node ${node.nodeId} is a worker; ${request.call} is for managers`,
        hint: 'Ask a manager, or promote the node: docker node promote.',
      });
    default:
      return unreachable(access);
  }
}

type Identified = Extract<Authorisation, { kind: 'node' }>;

function identify(
  certificate: PeerCertificate | undefined,
  from: { readonly knowledge: Knowledge; readonly renewing: boolean },
): Identified | Refusal {
  const { knowledge, renewing } = from;
  if (certificate === undefined) {
    return refused('no-certificate', {
      message: 'the peer showed no certificate',
      hint: 'Join the cluster first: docker swarm join.',
    });
  }
  return (
    refuseIssuer(certificate, knowledge, renewing) ??
    refuseTime(certificate, knowledge.now, renewing) ??
    identifyByRow(certificate, knowledge)
  );
}

function refuseIssuer(
  { rootId, clusterId }: PeerCertificate,
  knowledge: Knowledge,
  renewing: boolean,
): Refusal | undefined {
  const root = knowledge.roots.find(({ id }) => id === rootId);
  if (root === undefined) {
    return refused('unknown-issuer', {
      message: 'the certificate was not signed by an authority of this cluster',
      hint: 'The node belongs to another cluster: docker swarm leave, then join this one.',
    });
  }
  if (clusterId !== knowledge.clusterId) {
    return refused('wrong-cluster', {
      message: `the certificate is for cluster ${clusterId}, this is ${knowledge.clusterId}`,
      hint: 'The node belongs to another cluster: docker swarm leave, then join this one.',
    });
  }
  if (root.stage !== 'retired' || renewing) return undefined;
  return refused('retired-issuer', {
    message: 'the certificate is of an authority that was rotated out',
    hint: 'The node renews its certificate by itself; until then it can call nothing else.',
  });
}

function refuseTime(
  certificate: PeerCertificate,
  now: Instant,
  renewing: boolean,
): Refusal | undefined {
  const phase = phaseOf(certificate, now);
  switch (phase) {
    case 'valid':
      return undefined;
    case 'not-yet-valid':
      return refused('not-yet-valid', {
        message:
          `the certificate of node ${certificate.nodeId} begins at ` +
          `${iso(certificate.notBefore)}, here it is ${iso(now)}`,
        hint: 'Set the clocks of both machines: they differ by more than an hour.',
      });
    case 'grace':
      if (renewing) return undefined;
      return refused('expired', {
        message: `the certificate of node ${certificate.nodeId} ended at ${iso(certificate.notAfter)}`,
        hint: 'The node renews its certificate by itself; until then it can call nothing else.',
      });
    case 'over':
      return refused('grace-over', {
        message:
          `the certificate of node ${certificate.nodeId} ended at ${iso(certificate.notAfter)}, ` +
          'too long ago to be renewed',
        hint: 'Remove the node, and let it join anew: docker swarm leave, docker swarm join.',
      });
    default:
      return unreachable(phase);
  }
}

function identifyByRow(certificate: PeerCertificate, knowledge: Knowledge): Identified | Refusal {
  const { nodeId } = certificate;
  const row = knowledge.node(nodeId);
  if (row === undefined) {
    return refused('unknown-node', {
      message: `node ${nodeId} is not in this cluster: it was removed`,
      hint: 'Let it join anew: docker swarm leave --force, docker swarm join.',
    });
  }
  if (row.keyDigest !== certificate.keyDigest) {
    return refused('wrong-key', {
      message: `the certificate for node ${nodeId} carries another key than the node's`,
      hint: 'If the node was set up anew, remove the old one: docker node rm --force.',
    });
  }
  if (certificate.role === undefined) {
    return refused('wrong-role', {
      message: `the certificate of node ${nodeId} names no role that is known here`,
      hint: 'The nodes may run different versions: bring them to the same one.',
    });
  }
  const isManager = certificate.role === 'manager' && row.role === 'manager';
  return { kind: 'node', nodeId, role: isManager ? 'manager' : 'worker' };
}

/** `2026-11-21T03:58:38Z` */
function iso(at: Instant): string {
  return `${new Date(at).toISOString().slice(0, 19)}Z`;
}
