import type { HttpReply } from '../host/http.ts';
import { TuttiError } from '../lib/error.ts';
import { splitVersion } from './api-version.ts';
import { askForPlace, endpointAt } from './attach-container.ts';
import { askEngine, type DaemonContext, toEngine } from './daemon-context.ts';
import { readJson } from './engine-api.ts';
import { swarmError } from './errors.ts';
import { isRecord } from './go-json.ts';
import { findLocalNetwork } from './network-lookup.ts';
import { type DockerRequest, param, readJson as readBody } from './request.ts';

type Document = Readonly<Record<string, unknown>>;

/** `POST /networks/{id}/connect`: a container that is there joins a network. */
export async function connectContainer(
  context: DaemonContext,
  request: DockerRequest,
): Promise<HttpReply> {
  const reference = param(request, 'id');
  const { document, body } = await read(request);
  if (await isLocal(context, request)) return await pass(context, { request, body });
  const container = textOf(document, 'Container');
  const endpoint = document['EndpointConfig'];
  const { signal } = request.http;
  const place = await askForPlace(context, { name: reference, endpoint, signal });
  if (place === undefined) throw noSuchNetwork(reference);
  try {
    const { engineName } = place;
    if (await isOn(context, { request, container, engineName })) {
      const message = `${container} is already attached to network ${reference}`;
      throw new TuttiError('already-exists', message);
    }
    return await askEngine(context, {
      request,
      path: `/networks/${engineName}/connect`,
      document: { ...document, EndpointConfig: endpointAt(place, endpoint) },
    });
  } finally {
    void context.attachments.settle([place.id]);
  }
}

/** `POST /networks/{id}/disconnect`. */
export async function disconnectContainer(
  context: DaemonContext,
  request: DockerRequest,
): Promise<HttpReply> {
  const { document, body } = await read(request);
  if (await isLocal(context, request)) return await pass(context, { request, body });
  const engineName = context.attachments.engineNetwork(param(request, 'id'));
  if (engineName === undefined) return await pass(context, { request, body });
  try {
    const path = `/networks/${engineName}/disconnect`;
    return await askEngine(context, { request, path, document });
  } finally {
    void context.attachments.settle([]);
  }
}

async function read(
  request: DockerRequest,
): Promise<{ readonly document: Document; readonly body: Uint8Array }> {
  const said = await readBody(request);
  const document = isRecord(said) ? said : {};
  return { document, body: new TextEncoder().encode(JSON.stringify(said)) };
}

async function pass(
  context: DaemonContext,
  from: { readonly request: DockerRequest; readonly body: Uint8Array },
): Promise<HttpReply> {
  const { path } = splitVersion(from.request.http.path);
  return await toEngine(context, { ...from, path });
}

async function isLocal(context: DaemonContext, request: DockerRequest): Promise<boolean> {
  const { version, http } = request;
  const asked = { version, signal: http.signal, reference: param(request, 'id') };
  return (await findLocalNetwork(context, asked)) !== undefined;
}

async function isOn(
  context: DaemonContext,
  of: {
    readonly request: DockerRequest;
    readonly container: string;
    readonly engineName: string;
  },
): Promise<boolean> {
  const path = `/containers/${encodeURIComponent(of.container)}/json`;
  const answer = await context.engine.get(path, { signal: of.request.http.signal });
  const said = answer.status === 200 ? readJson(answer) : undefined;
  const settings = isRecord(said) ? said['NetworkSettings'] : undefined;
  const networks = isRecord(settings) ? settings['Networks'] : undefined;
  return isRecord(networks) && Object.hasOwn(networks, of.engineName);
}

function textOf(document: Document, field: string): string {
  const value = document[field];
  return typeof value === 'string' ? value : '';
}

function noSuchNetwork(reference: string): TuttiError {
  const { message } = swarmError('not-found', `network ${reference} not found`);
  return new TuttiError('not-found', `Could not attach to network ${reference}: ${message}`);
}
