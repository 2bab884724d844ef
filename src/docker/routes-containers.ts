import type { HttpAnswer, HttpReply } from '../host/http.ts';
import { TuttiError } from '../lib/error.ts';
import { hostPortsOf } from '../model/host-ports.ts';
import type { Labels } from '../model/labels.ts';
import type { ObservedPort } from '../model/task.ts';
import { splitVersion } from './api-version.ts';
import { asSaid, type DaemonContext, type DaemonRoute, engineAway } from './daemon-context.ts';
import { readJson } from './engine-api.ts';
import { isRecord } from './go-json.ts';
import { publishFilter } from './publish-filter.ts';
import { jsonReply } from './reply.ts';
import type { DockerRequest } from './request.ts';

type Document = Readonly<Record<string, unknown>>;

/**
 * The container engine's answers about containers, with the ports of mode `host` that lead to
 * tasks: the engine does not know of them.
 */
export const containerRoutes: readonly DaemonRoute[] = [
  { method: 'GET', pattern: '/containers/json', handler: listContainers },
  { method: 'GET', pattern: '/containers/:id/json', handler: inspectContainer },
];

async function listContainers(context: DaemonContext, request: DockerRequest): Promise<HttpReply> {
  const said = await ask(context, { request, query: request.http.query.toString() });
  if (said.status !== 200) return asSaid(said);
  const publish = publishFilter(request.http.query);
  const further = publish && (await ask(context, { request, query: publish.query }));
  const listed = further?.status === 200 ? readJson(further) : [];
  const published = Array.isArray(listed) ? listed.filter((one) => publish?.matches(one)) : [];
  const completed = completeList(readJson(said), published);
  return completed === undefined ? asSaid(said) : jsonReply(completed);
}

async function inspectContainer(
  context: DaemonContext,
  request: DockerRequest,
): Promise<HttpReply> {
  const said = await ask(context, { request, query: request.http.query.toString() });
  const completed = said.status === 200 ? completeInspected(readJson(said)) : undefined;
  return completed === undefined ? asSaid(said) : jsonReply(completed);
}

async function ask(
  context: DaemonContext,
  what: { readonly request: DockerRequest; readonly query: string },
): Promise<HttpAnswer> {
  const { http, version } = what.request;
  const { path } = splitVersion(http.path);
  const options = { query: what.query, signal: http.signal, version };
  return await context.engine.get(path, options).catch((reason: unknown) => {
    const error = TuttiError.from(reason);
    throw error.code === 'unavailable' ? engineAway(context.engine.peer.socketPath) : error;
  });
}

/** Undefined: there is nothing to add. */
function completeList(document: unknown, published: readonly unknown[]): unknown {
  if (!Array.isArray(document)) return undefined;
  const known: readonly unknown[] = document;
  const ids = new Set(known.map(idOf));
  const containers = [...known, ...published.filter((one) => !ids.has(idOf(one)))];
  const completed = containers.map((one) => (isRecord(one) ? completeListed(one) : one));
  return completed.some((one, index) => one !== known[index]) ? completed : undefined;
}

function idOf(container: unknown): unknown {
  return isRecord(container) ? container['Id'] : undefined;
}

const withPorts = new Set(['running', 'paused']);

function completeListed(container: Document): Document {
  const ports = portsOf(container['Labels']);
  if (ports.length === 0 || !withPorts.has(String(container['State']))) return container;
  const known: readonly unknown[] = Array.isArray(container['Ports']) ? container['Ports'] : [];
  const others = known.filter((one) => !ports.some((port) => isRecord(one) && isOf(port, one)));
  return { ...container, Ports: [...others, ...ports.flatMap(listed)] };
}

function isOf({ targetPort, protocol }: ObservedPort, shown: Document): boolean {
  return shown['PrivatePort'] === targetPort && shown['Type'] === protocol;
}

/** As the engine lists a port that is bound for both families. */
function listed({ targetPort, publishedPort, protocol }: ObservedPort): readonly object[] {
  const port = { PrivatePort: targetPort, PublicPort: publishedPort, Type: protocol };
  return [
    { IP: '0.0.0.0', ...port },
    { IP: '::', ...port },
  ];
}

function completeInspected(document: unknown): unknown {
  if (!isRecord(document)) return undefined;
  const { Config: config, State: state, HostConfig: host, NetworkSettings: network } = document;
  if (!isRecord(config) || !isRecord(state) || !isRecord(host) || !isRecord(network)) {
    return undefined;
  }
  const ports = portsOf(config['Labels']);
  if (ports.length === 0) return undefined;
  const shown = isRecord(network['Ports']) ? network['Ports'] : {};
  const isUp = withPorts.has(String(state['Status']));
  return {
    ...document,
    HostConfig: { ...host, PortBindings: bindings(ports, ['']) },
    NetworkSettings: {
      ...network,
      Ports: isUp ? { ...shown, ...bindings(ports, ['0.0.0.0', '::']) } : shown,
    },
  };
}

/** By `80/tcp`, as the engine shows what is bound. */
function bindings(ports: readonly ObservedPort[], hosts: readonly string[]): Document {
  const byTarget = Map.groupBy(ports, ({ targetPort, protocol }) => `${targetPort}/${protocol}`);
  return Object.fromEntries(
    [...byTarget].map(([target, published]) => [
      target,
      published.flatMap(({ publishedPort }) =>
        hosts.map((host) => ({ HostIp: host, HostPort: String(publishedPort) })),
      ),
    ]),
  );
}

function portsOf(labels: unknown): readonly ObservedPort[] {
  return isRecord(labels) ? hostPortsOf(labels as Labels) : [];
}
