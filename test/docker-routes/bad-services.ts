import type { BadCase } from './bad-case.ts';

const container = { Image: 'bb:1' };

/** A good service but for what is given. */
function service(over: object, task: object = {}, inContainer: object = {}): object {
  return {
    Name: 'x',
    TaskTemplate: { ContainerSpec: { ...container, ...inContainer }, ...task },
    ...over,
  };
}

const port = (over: object): object =>
  service({ EndpointSpec: { Ports: [{ TargetPort: 80, PublishedPort: 8080, ...over }] } });

const mount = (over: object): object =>
  service({}, {}, { Mounts: [{ Type: 'volume', Source: 'v', Target: '/v', ...over }] });

/** What no service may be, whether it is created or updated. */
export const badServices: readonly BadCase[] = [
  { what: 'an empty body', rawBody: '', status: 400, says: /body/ },
  { what: 'half a document', rawBody: '{"Name":', status: 400, says: /body: invalid JSON/ },
  { what: 'a list', rawBody: '[]', status: 400, says: /body: must be an object/ },
  { what: 'not UTF-8', rawBody: '"\uD800"', status: 400, says: /body/ },
  {
    what: 'another content type',
    headers: { 'content-type': 'text/yaml' },
    body: service({}),
    status: 400,
    says: /Content-Type/,
  },
  {
    what: 'a number as name',
    body: service({ Name: 5 }),
    status: 400,
    says: /Name: must be a string, not 5/,
  },
  {
    what: 'a name with a path',
    body: service({ Name: '../etc' }),
    status: 400,
    says: /name must be valid as a DNS name component/,
  },
  {
    what: 'a name with shell characters',
    body: service({ Name: '$(reboot)' }),
    status: 400,
    says: /name must be valid/,
  },
  {
    what: 'a name that is too long',
    body: service({ Name: 'a'.repeat(64) }),
    status: 400,
    says: /name must be 63 characters or fewer/,
  },
  {
    what: 'an unknown key',
    body: service({ Replicas: 3 }),
    status: 400,
    says: /Replicas: unknown key/,
  },
  {
    what: 'an unknown key deep inside',
    body: service({}, {}, { Imgae: 'bb:1' }),
    status: 400,
    says: /TaskTemplate\.ContainerSpec\.Imgae: unknown key/,
  },
  {
    what: 'no task template',
    body: { Name: 'x' },
    status: 400,
    says: /TaskTemplate: is missing/,
  },
  {
    what: 'no container',
    body: { Name: 'x', TaskTemplate: {} },
    status: 400,
    says: /TaskTemplate\.ContainerSpec: is missing/,
  },
  {
    what: 'no image',
    body: service({}, {}, { Image: '' }),
    status: 400,
    says: /ContainerSpec\.Image: image reference must be provided/,
  },
  {
    what: 'an image that is none',
    body: service({}, {}, { Image: 'bb 1; rm' }),
    status: 400,
    says: /ContainerSpec\.Image: .* is not a valid repository\/tag/,
  },
  {
    what: 'environment that is a map',
    body: service({}, {}, { Env: { A: 'b' } }),
    status: 400,
    says: /ContainerSpec\.Env: must be a list/,
  },
  {
    what: 'environment without a name',
    body: service({}, {}, { Env: ['=b'] }),
    status: 400,
    says: /ContainerSpec\.Env\[0\]/,
  },
  {
    what: 'two modes',
    body: service({ Mode: { Global: {}, Replicated: {} } }),
    status: 400,
    says: /Mode: must specify only one service mode/,
  },
  {
    what: 'negative replicas',
    body: service({ Mode: { Replicated: { Replicas: -1 } } }),
    status: 400,
    says: /Mode\.Replicated\.Replicas: must be at least 0/,
  },
  {
    what: 'half a replica',
    body: service({ Mode: { Replicated: { Replicas: 1.5 } } }),
    status: 400,
    says: /Mode\.Replicated\.Replicas: must be a whole number/,
  },
  {
    what: 'too many replicas',
    body: service({ Mode: { Replicated: { Replicas: 2 ** 31 } } }),
    status: 400,
    says: /Mode\.Replicated\.Replicas: must be at most/,
  },
  {
    what: 'port 70000',
    body: port({ PublishedPort: 70_000 }),
    status: 400,
    says: /EndpointSpec\.Ports\[0\]\.PublishedPort: must be at most 65535/,
  },
  {
    what: 'target port 0',
    body: port({ TargetPort: 0 }),
    status: 400,
    says: /EndpointSpec\.Ports\[0\]\.TargetPort: must be 1/,
  },
  {
    what: 'a port as text',
    body: port({ TargetPort: '80' }),
    status: 400,
    says: /EndpointSpec\.Ports\[0\]\.TargetPort: must be a number/,
  },
  {
    what: 'an unknown protocol',
    body: port({ Protocol: 'icmp' }),
    status: 400,
    says: /Ports\[0\]\.Protocol: must be one of tcp, udp, sctp/,
  },
  {
    what: 'a port twice',
    body: service({
      EndpointSpec: {
        Ports: [
          { TargetPort: 1, PublishedPort: 9 },
          { TargetPort: 2, PublishedPort: 9 },
        ],
      },
    }),
    status: 400,
    says: /Ports\[1\]\.PublishedPort: duplicate published port 9\/tcp/,
  },
  {
    what: 'an ingress port with dnsrr',
    body: service({ EndpointSpec: { Mode: 'dnsrr', Ports: [{ TargetPort: 80 }] } }),
    status: 400,
    says: /EndpointSpec\.Ports: .*dnsrr/,
  },
  {
    what: 'a port that another service has',
    body: port({ PublishedPort: 18_080 }),
    status: 400,
    says: /port '18080' is already in use by service 'taken'/,
  },
  {
    what: 'an unknown endpoint mode',
    body: service({ EndpointSpec: { Mode: 'lb' } }),
    status: 400,
    says: /EndpointSpec\.Mode: must be one of vip, dnsrr/,
  },
  {
    what: 'a constraint without operator',
    body: service({}, { Placement: { Constraints: ['node.role'] } }),
    status: 400,
    says: /onstraint/,
  },
  {
    what: 'a constraint with <',
    body: service({}, { Placement: { Constraints: ['node.id<5'] } }),
    status: 400,
    says: /onstraint/,
  },
  {
    what: 'a preference by role',
    body: service(
      {},
      { Placement: { Preferences: [{ Spread: { SpreadDescriptor: 'node.role' } }] } },
    ),
    status: 400,
    says: /Preferences\[0\]\.Spread\.SpreadDescriptor/,
  },
  {
    what: 'too little memory',
    body: service({}, { Resources: { Limits: { MemoryBytes: 5 } } }),
    status: 400,
    says: /Resources\.Limits\.MemoryBytes: invalid memory value 5: Must be at least 4MiB/,
  },
  {
    what: 'too little CPU',
    body: service({}, { Resources: { Reservations: { NanoCPUs: 5 } } }),
    status: 400,
    says: /Resources\.Reservations\.NanoCPUs: invalid cpu value/,
  },
  {
    what: 'generic resources',
    body: service(
      {},
      {
        Resources: {
          Reservations: {
            GenericResources: [{ DiscreteResourceSpec: { Kind: 'gpu', Value: 1 } }],
          },
        },
      },
    ),
    status: 501,
    says: /GenericResources/,
  },
  {
    what: 'a relative mount target',
    body: mount({ Target: 'v' }),
    status: 400,
    says: /Mounts\[0\]\.Target: must be an absolute path/,
  },
  {
    what: 'a mount without type',
    body: mount({ Type: '' }),
    status: 400,
    says: /Mounts\[0\]\.Type: must be bind, volume or tmpfs/,
  },
  {
    what: 'a volume with a path',
    body: mount({ Source: '../x' }),
    status: 400,
    says: /Mounts\[0\]\.Source: .* is no volume name/,
  },
  {
    what: 'a bind of a relative path',
    body: mount({ Type: 'bind', Source: 'x' }),
    status: 400,
    says: /Mounts\[0\]\.Source: must be an absolute path/,
  },
  {
    what: 'a named pipe',
    body: mount({ Type: 'npipe' }),
    status: 501,
    says: /Mounts\[0\]\.Type/,
  },
  {
    what: 'a mount target twice',
    body: service(
      {},
      {},
      {
        Mounts: [
          { Type: 'tmpfs', Target: '/v' },
          { Type: 'tmpfs', Target: '/v/' },
        ],
      },
    ),
    status: 400,
    says: /Mounts\[1\]\.Target: duplicate mount point/,
  },
  {
    what: 'a secret that is not there',
    body: service(
      {},
      {},
      { Secrets: [{ SecretID: 'nope', SecretName: 'nope', File: { Name: 'x' } }] },
    ),
    status: 400,
    says: /Secrets\[0\]: secret not found: nope/,
  },
  {
    what: 'a config that is not there',
    body: service(
      {},
      {},
      { Configs: [{ ConfigID: 'nope', ConfigName: 'nope', File: { Name: '/x' } }] },
    ),
    status: 400,
    says: /Configs\[0\]: config not found: nope/,
  },
  {
    what: 'a network that is not there',
    body: service({}, { Networks: [{ Target: 'nope' }] }),
    status: 404,
    says: /network nope not found/,
  },
  {
    what: 'a network twice',
    body: service({}, { Networks: [{ Target: 'net1' }, { Target: 'net1' }] }),
    status: 400,
    says: /Networks\[1\]\.Target: network net1 is named twice/,
  },
  {
    what: 'an unknown restart condition',
    body: service({}, { RestartPolicy: { Condition: 'always' } }),
    status: 400,
    says: /RestartPolicy\.Condition: must be one of none, on-failure, any/,
  },
  {
    what: 'a negative delay',
    body: service({}, { RestartPolicy: { Delay: -1 } }),
    status: 400,
    says: /RestartPolicy\.Delay: must be at least 0/,
  },
  {
    what: 'a delay as text',
    body: service({}, { RestartPolicy: { Delay: '5s' } }),
    status: 400,
    says: /RestartPolicy\.Delay: must be a number/,
  },
  {
    what: 'a failure ratio above 1',
    body: service({ UpdateConfig: { MaxFailureRatio: 2 } }),
    status: 400,
    says: /UpdateConfig\.MaxFailureRatio: must be at most 1/,
  },
  {
    what: 'an unknown update order',
    body: service({ UpdateConfig: { Order: 'random' } }),
    status: 400,
    says: /UpdateConfig\.Order: must be one of stop-first, start-first/,
  },
  {
    what: 'a health check without kind',
    body: service({}, {}, { Healthcheck: { Test: ['curl', 'x'] } }),
    status: 400,
    says: /Healthcheck\.Test\[0\]: must be NONE, CMD or CMD-SHELL/,
  },
  {
    what: 'a plugin',
    body: service({}, { Runtime: 'plugin' }),
    status: 501,
    says: /TaskTemplate\.Runtime/,
  },
  {
    what: 'credentials of Windows',
    body: service({}, {}, { Privileges: { CredentialSpec: { File: 'x' } } }),
    status: 501,
    says: /Privileges\.CredentialSpec/,
  },
  {
    what: 'a seccomp profile that is no JSON',
    body: service({}, {}, { Privileges: { Seccomp: { Mode: 'custom', Profile: 'AAAA' } } }),
    status: 400,
    says: /Privileges\.Seccomp\.Profile/,
  },
];

/** The same for a service of this name. */
export function badServicesCalled(name: string): readonly BadCase[] {
  return badServices.map((bad) => {
    const { body } = bad;
    const isCalledX =
      typeof body === 'object' && body !== null && 'Name' in body && body.Name === 'x';
    return isCalledX ? { ...bad, body: { ...body, Name: name } } : bad;
  });
}
