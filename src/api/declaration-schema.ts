import { z } from 'zod';
import type { StackDeclaration } from '../model/stack.ts';
import { parseBody } from './request-body.ts';

const text = z.string();
const names = z.record(text, text);
const count = z.int().nonnegative();
const durationMs = z.number().nonnegative();
const driver = z.strictObject({ name: text, options: names });

const updateSettings = z.strictObject({
  parallelism: count.optional(),
  delayMs: durationMs.optional(),
  failureAction: z.enum(['pause', 'continue', 'rollback']).optional(),
  monitorMs: durationMs.optional(),
  maxFailureRatio: z.number().min(0).max(1).optional(),
  order: z.enum(['stop-first', 'start-first']).optional(),
});

const protocol = z.enum(['tcp', 'udp', 'sctp']);
const port = z.int().min(1).max(65_535);

const publishedPort = z.strictObject({
  name: text.optional(),
  protocol,
  targetPort: port,
  publishedPort: port.optional(),
  mode: z.enum(['ingress', 'host']),
});

const mode = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('replicated'), replicas: count }),
  z.strictObject({ kind: z.literal('global') }),
  z.strictObject({
    kind: z.literal('replicated-job'),
    maxConcurrent: count,
    totalCompletions: count,
  }),
  z.strictObject({ kind: z.literal('global-job') }),
]);

const serviceSpec = z.strictObject({
  name: text,
  labels: names,
  mode,
  update: updateSettings.optional(),
  rollback: updateSettings.optional(),
  endpointMode: z.enum(['vip', 'dnsrr']),
  ports: z.array(publishedPort),
  placement: z.strictObject({
    constraints: z.array(text),
    preferences: z.array(z.strictObject({ spread: text })),
    maxReplicasPerNode: count,
    platforms: z.array(z.strictObject({ os: text.optional(), architecture: text.optional() })),
  }),
  dependsOn: z.array(
    z.strictObject({
      service: text,
      condition: z.enum(['started', 'healthy', 'completed-successfully']),
      required: z.boolean(),
    }),
  ),
});

const mountBase = { target: text, readOnly: z.boolean() };

const mount = z.discriminatedUnion('type', [
  z.strictObject({
    ...mountBase,
    type: z.literal('bind'),
    source: text,
    propagation: text.optional(),
    nonRecursive: z.boolean().optional(),
    createHostPath: z.boolean().optional(),
  }),
  z.strictObject({
    ...mountBase,
    type: z.literal('volume'),
    source: text.optional(),
    noCopy: z.boolean().optional(),
    labels: names.optional(),
    driver: driver.optional(),
    subpath: text.optional(),
  }),
  z.strictObject({
    ...mountBase,
    type: z.literal('tmpfs'),
    sizeBytes: count.optional(),
    mode: count.optional(),
  }),
]);

const fileReference = z.strictObject({
  sourceId: text,
  sourceName: text,
  target: text,
  uid: text,
  gid: text,
  mode: count,
});

const resources = z.strictObject({
  nanoCpus: z.number().nonnegative().optional(),
  memoryBytes: z.number().nonnegative().optional(),
  /** −1 is no limit. */
  pids: z.int().min(-1).optional(),
});

const healthCheck = z.strictObject({
  test: z.array(text),
  intervalMs: durationMs.optional(),
  timeoutMs: durationMs.optional(),
  startPeriodMs: durationMs.optional(),
  startIntervalMs: durationMs.optional(),
  retries: count.optional(),
});

const container = z.strictObject({
  name: text,
  image: text,
  labels: names,
  command: z.array(text).optional(),
  args: z.array(text).optional(),
  hostname: text.optional(),
  env: z.array(text),
  workingDirectory: text.optional(),
  user: text.optional(),
  groups: z.array(text),
  tty: z.boolean(),
  openStdin: z.boolean(),
  readOnly: z.boolean(),
  init: z.boolean().optional(),
  stopSignal: text.optional(),
  stopGracePeriodMs: durationMs.optional(),
  healthCheck: healthCheck.optional(),
  hosts: z.array(text),
  dns: z.strictObject({
    nameservers: z.array(text),
    search: z.array(text),
    options: z.array(text),
  }),
  mounts: z.array(mount),
  secrets: z.array(fileReference),
  configs: z.array(fileReference),
  sysctls: names,
  capabilityAdd: z.array(text),
  capabilityDrop: z.array(text),
  ulimits: z.array(z.strictObject({ name: text, soft: z.number(), hard: z.number() })),
  isolation: text.optional(),
  limits: resources,
  reservations: resources,
  privileged: z.boolean().optional(),
  devices: z
    .array(z.strictObject({ pathOnHost: text, pathInContainer: text, permissions: text }))
    .optional(),
  securityOptions: z.array(text).optional(),
  shmSizeBytes: count.optional(),
  oomScoreAdjust: z.int().optional(),
  pullPolicy: z.enum(['always', 'missing', 'never']).optional(),
});

const template = z.strictObject({
  containers: z.array(container).min(1),
  networks: z.array(
    z.strictObject({
      networkId: text,
      aliases: z.array(text),
      driverOptions: names,
      ipv4Address: text.optional(),
    }),
  ),
  hostPorts: z.array(
    z.strictObject({ protocol, targetPort: port, publishedPort: port.optional() }),
  ),
  restart: z
    .strictObject({
      condition: z.enum(['any', 'on-failure', 'none']).optional(),
      delayMs: durationMs.optional(),
      maxAttempts: count.optional(),
      windowMs: durationMs.optional(),
    })
    .optional(),
  logDriver: driver.optional(),
  forceUpdate: count,
  runtime: text.optional(),
});

const network = z.strictObject({
  name: text,
  labels: names,
  driver: text,
  driverOptions: names,
  internal: z.boolean(),
  attachable: z.boolean(),
  ingress: z.boolean(),
  enableIpv6: z.boolean(),
  subnets: z.array(
    z.strictObject({ subnet: text, gateway: text.optional(), ipRange: text.optional() }),
  ),
  ipamDriver: text.optional(),
  ipamOptions: names.optional(),
});

const data = z.strictObject({
  spec: z.strictObject({
    name: text,
    labels: names,
    driver: driver.optional(),
    templating: driver.optional(),
  }),
  data: z.base64(),
});

const stackRequest = z.strictObject({
  prune: z.boolean().default(false),
  declaration: z.strictObject({
    name: text,
    networks: z.array(network),
    secrets: z.array(data),
    configs: z.array(data),
    services: z.array(
      z.strictObject({ spec: serviceSpec, template, registryAuth: text.optional() }),
    ),
  }),
});

export interface StackRequest {
  readonly prune: boolean;
  readonly declaration: StackDeclaration;
}

/**
 * Reads the body of a stack request.
 *
 * @throws TuttiError `invalid-argument` naming the field.
 */
export function parseStackRequest(body: Uint8Array): StackRequest {
  return parseBody(stackRequest, body) as StackRequest;
}
