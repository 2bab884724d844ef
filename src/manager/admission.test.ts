import assert from 'node:assert/strict';
import { test } from 'node:test';
import { declare, ManagerWorld, plainContainer } from '../../sim/manager-world.ts';
import type { ErrorCode } from '../lib/error.ts';
import type { ServiceDeclaration, ServiceSpec } from '../model/service.ts';
import type { ContainerSpec, FileReference, Mount, TaskTemplateSpec } from '../model/template.ts';
import type { ControlPlane } from './control-plane.ts';

interface Refused {
  readonly declaration: ServiceDeclaration;
  readonly field: string;
  readonly message: RegExp;
  readonly code?: ErrorCode;
}

function spec(parts: Partial<ServiceSpec>): ServiceDeclaration {
  return declare('new', 1, { spec: parts });
}

function container(parts: Partial<ContainerSpec>): ServiceDeclaration {
  return declare('new', 1, { container: parts });
}

function template(parts: Partial<TaskTemplateSpec>): ServiceDeclaration {
  return declare('new', 1, { template: parts });
}

function placement(parts: Partial<ServiceSpec['placement']>): ServiceDeclaration {
  const none = { constraints: [], preferences: [], maxReplicasPerNode: 0, platforms: [] };
  return spec({ placement: { ...none, ...parts } });
}

function mounts(...parts: Mount[]): ServiceDeclaration {
  return container({ mounts: parts });
}

const ingress = { protocol: 'tcp', targetPort: 80, mode: 'ingress' } as const;
const bind = { type: 'bind', source: '/srv', target: '/srv', readOnly: false } as const;
const volume = { type: 'volume', source: 'data', target: '/data', readOnly: false } as const;
const file: FileReference = {
  sourceId: 'missing',
  sourceName: 'sec',
  target: 'sec',
  uid: '0',
  gid: '0',
  mode: 0o444,
};
const inMain = (rest: string): string => `template.containers[0].${rest}`;

/** Bad by itself: [what, declaration, field, message]. */
const bad: readonly (readonly [string, ServiceDeclaration, string, RegExp])[] = [
  ['an empty name', declare('', 1), 'spec.name', /spec\.name is empty/],
  ['a name like a path', declare('../etc', 1), 'spec.name', /"\.\.\/etc".*DNS name component/],
  ['a name for a shell', declare('$(id)', 1), 'spec.name', /"\$\(id\)".*DNS name component/],
  ['a name with a dash at its end', declare('web-', 1), 'spec.name', /DNS name component/],
  ['a name that is too long', declare('x'.repeat(64), 1), 'spec.name', /64 characters; at most 63/],
  ['a label without a key', spec({ labels: { '': 'x' } }), 'spec.labels', /the key ""/],
  ['negative replicas', declare('new', -1), 'spec.mode.replicas', /is -1; a whole number from 0/],
  ['half a replica', declare('new', 0.5), 'spec.mode.replicas', /is 0\.5/],
  [
    'absurdly many replicas',
    declare('new', 1e9),
    'spec.mode.replicas',
    /is 1000000000.*to 1000000/,
  ],
  ['a number that is none', declare('new', Number.NaN), 'spec.mode.replicas', /a whole number/],
  [
    'negative completions',
    spec({ mode: { kind: 'replicated-job', maxConcurrent: 1, totalCompletions: -1 } }),
    'spec.mode.totalCompletions',
    /is -1/,
  ],
  [
    'a job with update settings',
    spec({
      mode: { kind: 'replicated-job', maxConcurrent: 1, totalCompletions: 1 },
      update: { parallelism: 1 },
    }),
    'spec.update',
    /is a job/,
  ],
  [
    'a negative parallelism',
    spec({ update: { parallelism: -1 } }),
    'spec.update.parallelism',
    /is -1/,
  ],
  ['a negative delay', spec({ update: { delayMs: -5 } }), 'spec.update.delayMs', /is -5 ms/],
  [
    'a failure ratio above one',
    spec({ update: { maxFailureRatio: 1.1 } }),
    'spec.update.maxFailureRatio',
    /is 1\.1; a fraction/,
  ],
  [
    'an unknown failure action',
    spec({ update: { failureAction: 'explode' as 'pause' } }),
    'spec.update.failureAction',
    /"explode"; one of pause, continue, rollback/,
  ],
  [
    'an unknown order',
    spec({ update: { order: 'any' as 'stop-first' } }),
    'spec.update.order',
    /"any"; one of stop-first, start-first/,
  ],
  [
    'a rollback that rolls back',
    spec({ rollback: { failureAction: 'rollback' } }),
    'spec.rollback.failureAction',
    /cannot be rolled back/,
  ],
  [
    'port 0 inside',
    spec({ ports: [{ ...ingress, targetPort: 0 }] }),
    'spec.ports[0].targetPort',
    /is 0/,
  ],
  [
    'a port that is too high',
    spec({ ports: [{ ...ingress, publishedPort: 65_536 }] }),
    'spec.ports[0].publishedPort',
    /is 65536; a whole number from 0 to 65535/,
  ],
  [
    'the same port twice',
    spec({
      ports: [
        { ...ingress, publishedPort: 80 },
        { ...ingress, targetPort: 81, publishedPort: 80 },
      ],
    }),
    'spec.ports',
    /"80\/tcp" twice/,
  ],
  [
    'an ingress port without a virtual address',
    spec({ endpointMode: 'dnsrr', ports: [{ ...ingress, publishedPort: 80 }] }),
    'spec.ports',
    /can't be used with dnsrr mode/,
  ],
  [
    'a constraint without an operator',
    placement({ constraints: ['node.role'] }),
    'spec.placement.constraints[0]',
    /"node\.role".*no operator/,
  ],
  [
    'a preference that is no label',
    placement({ preferences: [{ spread: 'node.id' }] }),
    'spec.placement.preferences[0].spread',
    /"node\.id"; node\.labels/,
  ],
  [
    'negative replicas per node',
    placement({ maxReplicasPerNode: -1 }),
    'spec.placement.maxReplicasPerNode',
    /is -1/,
  ],
  [
    'replicas per node of a global service',
    spec({
      mode: { kind: 'global' },
      placement: { constraints: [], preferences: [], maxReplicasPerNode: 2, platforms: [] },
    }),
    'spec.placement.maxReplicasPerNode',
    /one task on each node/,
  ],
  [
    'a dependency on itself',
    spec({ dependsOn: [{ service: 'NEW', condition: 'started', required: true }] }),
    'spec.dependsOn[0].service',
    /depends on itself/,
  ],
  [
    'a dependency that nobody knows',
    spec({ dependsOn: [{ service: 'db', condition: 'started', required: true }] }),
    'spec.dependsOn[0].service',
    /"db", which is unknown/,
  ],
  ['no container', template({ containers: [] }), 'template.containers', /0 containers/],
  [
    'two containers of one name',
    template({ containers: [plainContainer, plainContainer] }),
    'template.containers',
    /"main" twice/,
  ],
  [
    'a container with a bad name',
    container({ name: 'a b' }),
    inMain('name'),
    /"a b"; letters, digits/,
  ],
  [
    'another runtime',
    template({ runtime: 'plugin' }),
    'template.runtime',
    /"plugin" is not supported/,
  ],
  [
    'a negative restart delay',
    template({ restart: { delayMs: -1 } }),
    'template.restart.delayMs',
    /is -1 ms/,
  ],
  [
    'an unknown restart condition',
    template({ restart: { condition: 'maybe' as 'any' } }),
    'template.restart.condition',
    /"maybe"; one of any, on-failure, none/,
  ],
  [
    'a network that is missing',
    template({ networks: [{ networkId: 'nope', aliases: [], driverOptions: {} }] }),
    'template.networks[0].networkId',
    /network nope not found/,
  ],
  ['no image', container({ image: '' }), inMain('image'), /must be provided/],
  [
    'an image in upper case',
    container({ image: 'BB:1' }),
    inMain('image'),
    /"BB:1" is not a valid/,
  ],
  [
    'an image with a space',
    container({ image: 'bb :1' }),
    inMain('image'),
    /"bb :1" is not a valid/,
  ],
  [
    'an image that is too long',
    container({ image: 'a'.repeat(700) }),
    inMain('image'),
    /not a valid/,
  ],
  ['a variable without a name', container({ env: ['=x'] }), inMain('env'), /"=x" has no name/],
  ['a NUL in a variable', container({ env: ['A=\0'] }), inMain('env'), /NUL/],
  ['a NUL in an argument', container({ args: ['\0'] }), inMain('args'), /NUL/],
  [
    'a relative working directory',
    container({ workingDirectory: 'app' }),
    inMain('workingDirectory'),
    /"app"; it must be an absolute path/,
  ],
  ['an odd signal', container({ stopSignal: 'stop!' }), inMain('stopSignal'), /"stop!"; a signal/],
  [
    'a negative grace period',
    container({ stopGracePeriodMs: -1 }),
    inMain('stopGracePeriodMs'),
    /is -1 ms/,
  ],
  [
    'an unknown pull policy',
    container({ pullPolicy: 'sometimes' as 'always' }),
    inMain('pullPolicy'),
    /"sometimes"; one of always, missing, never/,
  ],
  [
    'a health check of an unknown kind',
    container({ healthCheck: { test: ['curl'] } }),
    inMain('healthCheck.test'),
    /"curl"; one of NONE, CMD/,
  ],
  [
    'a health check without a command',
    container({ healthCheck: { test: ['CMD'] } }),
    inMain('healthCheck.test'),
    /no command/,
  ],
  [
    'a health check every microsecond',
    container({ healthCheck: { test: ['CMD', 'x'], intervalMs: 0.001 } }),
    inMain('healthCheck.intervalMs'),
    /cannot be less than 1 ms/,
  ],
  ['a bad host name', container({ hostname: 'a b' }), inMain('hostname'), /"a b"; letters/],
  ['a bad hosts entry', container({ hosts: ['db'] }), inMain('hosts'), /"db" is no "address name"/],
  [
    'a name server that is no address',
    container({ dns: { nameservers: ['ns1'], search: [], options: [] } }),
    inMain('dns.nameservers'),
    /"ns1" is no IP address/,
  ],
  [
    'a relative target',
    mounts({ ...bind, target: 'srv' }),
    inMain('mounts[0].target'),
    /"srv" is no/,
  ],
  [
    'a mount over everything',
    mounts({ ...bind, target: '/./' }),
    inMain('mounts[0].target'),
    /"\/"/,
  ],
  ['a relative source', mounts({ ...bind, source: './x' }), inMain('mounts[0].source'), /"\.\/x"/],
  [
    'an unknown propagation',
    mounts({ ...bind, propagation: 'wide' }),
    inMain('mounts[0].propagation'),
    /"wide"; one of private/,
  ],
  [
    'a volume named like a path',
    mounts({ ...volume, source: '../x' }),
    inMain('mounts[0].source'),
    /"\.\.\/x"; a volume name/,
  ],
  [
    'a subpath that leaves its volume',
    mounts({ ...volume, subpath: 'a/../../etc' }),
    inMain('mounts[0].subpath'),
    /must stay inside/,
  ],
  [
    'two mounts on one target',
    mounts(bind, { ...volume, target: '/srv/' }),
    inMain('mounts'),
    /duplicate mount point "\/srv\/"/,
  ],
  [
    'a tmpfs of negative size',
    mounts({ type: 'tmpfs', target: '/t', readOnly: false, sizeBytes: -1 }),
    inMain('mounts[0].sizeBytes'),
    /is -1/,
  ],
  [
    'a secret that is missing',
    container({ secrets: [file] }),
    inMain('secrets[0]'),
    /not found: sec/,
  ],
  [
    'a config that is missing',
    container({ configs: [file] }),
    inMain('configs[0]'),
    /config not found/,
  ],
  [
    'a secret that climbs out',
    container({ secrets: [{ ...file, target: '../../etc/passwd' }] }),
    inMain('secrets[0].target'),
    /is no path of a file/,
  ],
  [
    'a secret for a user by name',
    container({ secrets: [{ ...file, uid: 'root' }] }),
    inMain('secrets[0].uid'),
    /"root"; a number/,
  ],
  [
    'a secret with an impossible mode',
    container({ secrets: [{ ...file, mode: 0o10000 }] }),
    inMain('secrets[0].mode'),
    /is 4096/,
  ],
  [
    'two secrets in one place',
    container({ secrets: [file, { ...file, sourceName: 'other' }] }),
    inMain('secrets'),
    /"sec" and "other" have the same target/,
  ],
  [
    'too little of a core',
    container({ limits: { nanoCpus: 999_999 } }),
    inMain('limits.nanoCpus'),
    /invalid cpu value 0\.000999999: must be at least 0\.001/,
  ],
  [
    'too little memory',
    container({ limits: { memoryBytes: 1_024 } }),
    inMain('limits.memoryBytes'),
    /invalid memory value 1024: must be at least 4MiB/,
  ],
  [
    'too little memory reserved',
    container({ reservations: { memoryBytes: 1 } }),
    inMain('reservations.memoryBytes'),
    /invalid memory value 1/,
  ],
  ['too few processes', container({ limits: { pids: -2 } }), inMain('limits.pids'), /is -2/],
  [
    'a capability that is none',
    container({ capabilityAdd: ['net admin'] }),
    inMain('capabilities'),
    /"net admin"; a capability/,
  ],
  [
    'a soft limit above the hard one',
    container({ ulimits: [{ name: 'nofile', soft: 20, hard: 10 }] }),
    inMain('ulimits.nofile'),
    /soft limit 20 of nofile is above the hard 10/,
  ],
  [
    'a sysctl that is none',
    container({ sysctls: { 'net core': '1' } }),
    inMain('sysctls'),
    /"net core"; a name/,
  ],
  [
    'a device with a relative path',
    container({ devices: [{ pathOnHost: 'null', pathInContainer: '/x', permissions: 'r' }] }),
    inMain('devices'),
    /"null" must have absolute paths/,
  ],
  [
    'an impossible out-of-memory score',
    container({ oomScoreAdjust: 2_000 }),
    inMain('oomScoreAdjust'),
    /is 2000; a whole number from -1000 to 1000/,
  ],
  [
    'a declaration of a megabyte',
    container({ env: ['A='.padEnd(1_100_000, 'x')] }),
    'spec',
    /at most 1048576 are allowed/,
  ],
];

for (const [what, declaration, field, message] of bad) {
  test(`refused, by the name of its field: ${what}`, async () => {
    const { world } = await ManagerWorld.withCluster();
    await assertRefused(world.control, { declaration, field, message });
  });
}

async function assertRefused(control: ControlPlane, refused: Refused): Promise<void> {
  const { field, message, code } = refused;
  const { revision } = control.view;
  await assert.rejects(control.createService(refused.declaration), {
    name: 'TuttiError',
    field,
    message,
    ...(code === undefined ? {} : { code }),
  });
  assert.equal(control.view.revision, revision);
}

test('whatever a declaration may hold that is allowed, is', async () => {
  const { world } = await ManagerWorld.withCluster();
  const secret = await world.control.createSecret({ name: 'sec', labels: {} }, btoa('x'));
  const { networks } = world.control.view;
  const bridge = [...networks.all()].find((network) => network.spec.name === 'bridge');
  const declaration = declare('Web_1-a', 0, {
    spec: {
      ports: [ingress, { ...ingress, protocol: 'udp' }, { ...ingress, mode: 'host' }],
      update: { parallelism: 0, maxFailureRatio: 1, monitorMs: 0 },
      placement: {
        constraints: ['node.role == manager', 'node.labels.zone!=b'],
        preferences: [{ spread: 'node.labels.zone' }],
        maxReplicasPerNode: 2,
        platforms: [{ os: 'linux', architecture: 'amd64' }],
      },
      dependsOn: [{ service: 'nobody', condition: 'healthy', required: false }],
    },
    template: {
      networks: [{ networkId: bridge?.id ?? '', aliases: [], driverOptions: {} }],
      restart: { condition: 'on-failure', delayMs: 0, maxAttempts: 3, windowMs: 60_000 },
    },
    container: {
      image: 'registry.example.com:5000/team/app_1:v1.2@sha256:'.padEnd(113, 'a'),
      env: ['A=b', 'INHERITED'],
      hostname: '{{.Node.Hostname}}',
      stopSignal: 'SIGRTMIN+3',
      healthCheck: { test: ['CMD-SHELL', 'true'], intervalMs: 1_000, retries: 0 },
      hosts: ['10.0.0.1 db db.internal', 'host-gateway gateway'],
      mounts: [
        { ...volume, source: 'data-{{.Task.Slot}}' },
        { type: 'volume', target: '/anonymous', readOnly: true },
      ],
      secrets: [{ ...file, sourceId: secret.id, target: '/etc/app/secret' }],
      limits: { nanoCpus: 1_000_000, memoryBytes: 4 * 1024 * 1024, pids: -1 },
      capabilityAdd: ['ALL', 'net_admin', 'CAP_SYS_PTRACE'],
      ulimits: [{ name: 'nofile', soft: 1_024, hard: -1 }],
      privileged: true,
      devices: [{ pathOnHost: '/dev/null', pathInContainer: '/dev/x', permissions: 'rwm' }],
    },
  });
  const service = await world.control.createService(declaration);
  assert.equal(service.spec.name, 'Web_1-a');
});
