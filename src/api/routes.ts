import type { HttpHandler, HttpReply, HttpRequest } from '../host/http.ts';
import { TuttiError } from '../lib/error.ts';
import type { ControlPlane } from '../manager/control-plane.ts';
import { parseStackRequest } from './declaration-schema.ts';
import { explainService, explainTask } from './explain.ts';
import { findNode, inspectNode, listNodes, setAvailability, watchDrain } from './nodes.ts';
import { examineNetwork } from './doctor.ts';
import { reportDrain } from './drain-report.ts';
import { readServices, watchRebalance } from './rebalance.ts';
import { errorReply, json } from './reply.ts';
import { reportStack, reportStatus, stackNames } from './reports.ts';
import { watchStack } from './watch.ts';

/** Where every route of Tutti's own API begins. */
export const apiPrefix = '/tutti/v1/';

/**
 * Tutti's own API, for its command line: stacks as a whole, explanations, the cluster at a glance.
 * Replies are JSON; errors are `{message, code, field?, hint?}`.
 */
export function apiRoutes(controlPlane: ControlPlane): HttpHandler {
  return async (request) => {
    try {
      return await route(controlPlane, request);
    } catch (reason) {
      return errorReply(reason);
    }
  };
}

async function route(controlPlane: ControlPlane, request: HttpRequest): Promise<HttpReply> {
  const [kind = '', name, verb, ...rest] = segmentsOf(request.path);
  if (rest.length > 0) throw unknownRoute(request);
  if (kind === 'stacks') return await routeStacks(controlPlane, { request, name, verb });
  if (kind === 'rebalance' && verb === undefined) {
    return await routeRebalance(controlPlane, { request, name, verb });
  }
  if (kind === 'nodes') return await routeNodes(controlPlane, { request, name, verb });
  if (kind === 'doctor' && name === 'net' && verb === undefined && request.method === 'GET') {
    return examineNetwork(controlPlane, request.signal);
  }
  if (kind === 'recovery') throw onlyManager(controlPlane);
  const action = `${request.method} ${kind}`;
  if (action === 'GET status' && name === undefined) return json(200, reportStatus(controlPlane));
  if (name === undefined || verb !== 'why') throw unknownRoute(request);
  if (action === 'GET tasks') return json(200, explainTask(controlPlane, name));
  if (action === 'GET services') return json(200, explainService(controlPlane, name));
  throw unknownRoute(request);
}

/** One of several answers by itself: see `recoveryRoutes`. */
function onlyManager(controlPlane: ControlPlane): TuttiError {
  if (controlPlane.cluster() === undefined) {
    return new TuttiError('failed-precondition', 'this node is in no cluster', {
      hint: 'Bring a cluster back from a backup with `tutti restore`.',
    });
  }
  const message = 'this manager is the only one, and works: there is nothing to recover';
  return new TuttiError('failed-precondition', message, {
    hint: 'See with `tutti status` what is wrong.',
  });
}

interface Call {
  readonly request: HttpRequest;
  readonly name: string | undefined;
  readonly verb: string | undefined;
}

async function routeNodes(controlPlane: ControlPlane, call: Call): Promise<HttpReply> {
  const { request, name, verb } = call;
  const action = `${request.method} ${verb ?? ''}`.trim();
  if (name === undefined) {
    if (action !== 'GET') throw unknownRoute(request);
    return json(200, { nodes: listNodes(controlPlane) });
  }
  switch (action) {
    case 'GET':
      return json(200, inspectNode(controlPlane, findNode(controlPlane, name)));
    case 'GET drain':
      return json(200, reportDrain(controlPlane, findNode(controlPlane, name).id));
    case 'GET watch':
      return watchDrain(controlPlane, { node: findNode(controlPlane, name), request });
    case 'PUT availability': {
      const node = findNode(controlPlane, name);
      return json(200, await setAvailability(controlPlane, { node, request }));
    }
    default:
      throw unknownRoute(request);
  }
}

async function routeRebalance(controlPlane: ControlPlane, call: Call): Promise<HttpReply> {
  const { request, name } = call;
  switch (`${request.method} ${name ?? ''}`.trim()) {
    case 'GET':
      return json(200, controlPlane.rebalance());
    case 'GET watch':
      return watchRebalance(controlPlane, request.signal);
    case 'POST plan':
      return json(200, controlPlane.planRebalance(await readServices(controlPlane, request)));
    case 'POST': {
      const services = await readServices(controlPlane, request);
      return json(200, await controlPlane.startRebalance(services));
    }
    case 'DELETE':
      return json(200, { stopped: await controlPlane.stopRebalance() });
    default:
      throw unknownRoute(request);
  }
}

async function routeStacks(controlPlane: ControlPlane, call: Call): Promise<HttpReply> {
  const { request, name, verb } = call;
  const action = `${request.method} ${verb ?? ''}`.trim();
  if (name === undefined) {
    if (action !== 'GET') throw unknownRoute(request);
    const reports = stackNames(controlPlane).map((one) => reportStack(controlPlane, one));
    return json(200, { stacks: reports.filter((report) => report !== undefined) });
  }
  switch (action) {
    case 'GET':
      return json(200, reportStack(controlPlane, name) ?? throwNoStack(name));
    case 'GET watch':
      return watchStack(controlPlane, { name, signal: request.signal });
    case 'PUT': {
      const { declaration, prune } = await stackRequest(request, name);
      return json(200, { changes: await controlPlane.deployStack(declaration, { prune }) });
    }
    case 'POST plan': {
      const { declaration, prune } = await stackRequest(request, name);
      return json(200, await controlPlane.planStack(declaration, { prune }));
    }
    case 'DELETE':
      return json(200, { changes: await controlPlane.removeStack(name) });
    default:
      throw unknownRoute(request);
  }
}

async function stackRequest(
  request: HttpRequest,
  name: string,
): Promise<ReturnType<typeof parseStackRequest>> {
  const parsed = parseStackRequest(await request.body());
  if (parsed.declaration.name !== name) {
    throw new TuttiError(
      'invalid-argument',
      `body.declaration.name: "${parsed.declaration.name}" is not the "${name}" of the path`,
      { field: 'body.declaration.name' },
    );
  }
  return parsed;
}

function throwNoStack(name: string): never {
  throw new TuttiError('not-found', `no such stack: ${name}`, {
    hint: 'tutti stack ls lists the stacks.',
  });
}

function segmentsOf(path: string): readonly string[] {
  try {
    return path.slice(apiPrefix.length).split('/').map(decodeURIComponent);
  } catch (error) {
    throw new TuttiError('invalid-argument', `the path ${path} is not percent-encoded`, {
      field: 'path',
      cause: error,
    });
  }
}

function unknownRoute(request: HttpRequest): TuttiError {
  return new TuttiError('not-found', `no such route: ${request.method} ${request.path}`);
}
