import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { ApiClient } from '../src/client/api-client.ts';

const run = promisify(execFile);

/**
 * Docker Swarm or Tutti: both take the same requests, and the same engine runs their containers.
 */
export interface Orchestrator {
  readonly name: 'swarm' | 'tutti';
  readonly socket: string;
}

/** Versions of the API that both sides speak. */
const environment = { DOCKER_API_VERSION: '1.41' } as const;

export async function docker(on: Orchestrator, args: readonly string[]): Promise<string> {
  const { stdout } = await run('docker', ['-H', `unix://${on.socket}`, ...args], {
    env: { ...process.env, ...environment },
  });
  return stdout.trim();
}

export interface ServiceRequest {
  readonly name: string;
  readonly replicas: number;
  readonly networkId: string;
}

const image = 'tutti-test/busybox:1';

function specOf(request: ServiceRequest): unknown {
  return {
    Name: request.name,
    TaskTemplate: {
      ContainerSpec: { Image: image, Args: ['obey'] },
      Networks: [{ Target: request.networkId }],
    },
    Mode: { Replicated: { Replicas: request.replicas } },
    // This kernel has no IPVS, which Swarm's virtual addresses need.
    EndpointSpec: { Mode: 'dnsrr' },
  };
}

export async function createService(on: Orchestrator, request: ServiceRequest): Promise<void> {
  await new ApiClient(on.socket).call({
    method: 'POST',
    path: '/v1.41/services/create',
    body: specOf(request),
  });
}

export async function scaleService(on: Orchestrator, request: ServiceRequest): Promise<void> {
  const client = new ApiClient(on.socket);
  const path = `/v1.41/services/${request.name}`;
  const { Version } = await client.call<{ readonly Version: { readonly Index: number } }>({
    method: 'GET',
    path,
  });
  await client.call({
    method: 'POST',
    path: `${path}/update?version=${Version.Index}`,
    body: specOf(request),
  });
}

export async function removeService(on: Orchestrator, name: string): Promise<void> {
  await new ApiClient(on.socket).call({ method: 'DELETE', path: `/v1.41/services/${name}` });
}

export async function createNetwork(on: Orchestrator, name: string): Promise<string> {
  const { Id } = await new ApiClient(on.socket).call<{ readonly Id: string }>({
    method: 'POST',
    path: '/v1.41/networks/create',
    body: { Name: name, Driver: 'overlay', CheckDuplicate: true },
  });
  return Id;
}

/** Ids of containers that the engine shows, stopped ones too when `all`. */
export async function containers(
  engineSocket: string,
  options: { readonly all: boolean },
): Promise<readonly string[]> {
  const list = await new ApiClient(engineSocket).call<readonly { readonly Id: string }[]>({
    method: 'GET',
    path: `/v1.41/containers/json?all=${options.all ? 1 : 0}`,
  });
  return list.map((container) => container.Id);
}
