import type { HttpReply, HttpRequest } from '../host/http.ts';
import type { TuttiError } from '../lib/error.ts';
import { pingReply } from './ping.ts';
import { errorReply, jsonReply, standardHeaders, withHeaders } from './reply.ts';
import { type SwarmSource, swarmInfo } from './routes-swarm.ts';

/** One of several managers, as far as it knows itself. */
export interface FollowerSource {
  /** Undefined while its store cannot be read. */
  readonly known: SwarmSource | undefined;
  readonly nodeId: string;
  /** Why nobody can be asked; undefined while somebody leads. */
  readonly trouble: string | undefined;
}

/**
 * What a manager answers by itself, because it must be answered while nobody leads, too: that it is
 * there, and what it is in the cluster. Undefined: the leader is to be asked.
 */
export function answerAsFollower(
  request: Pick<HttpRequest, 'method' | 'path'>,
  of: { readonly source: FollowerSource; readonly productVersion: string },
): HttpReply | undefined {
  const headers = standardHeaders(of.productVersion, 'active/manager');
  if (request.path === '/_ping') return withHeaders(pingReply(), headers);
  if (request.method !== 'GET' || !/^(\/v1\.\d+)?\/info$/.test(request.path)) return undefined;
  const { known, nodeId, trouble } = of.source;
  const swarm = known === undefined ? unknownCluster(nodeId) : swarmInfo(known);
  const said = trouble === undefined ? swarm : { ...swarm, Error: trouble };
  return withHeaders(jsonReply({ Swarm: said }), headers);
}

/** A refusal, as the Docker API says it. */
export function refusal(error: TuttiError, productVersion: string): HttpReply {
  return withHeaders(errorReply(error), standardHeaders(productVersion, 'active/manager'));
}

function unknownCluster(nodeId: string): object {
  return {
    NodeID: nodeId,
    NodeAddr: '',
    LocalNodeState: 'active',
    ControlAvailable: true,
    Error: '',
    RemoteManagers: null,
  };
}
