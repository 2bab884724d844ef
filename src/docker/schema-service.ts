import { z } from 'zod';
import {
  goDuration,
  goEnum,
  goFlag,
  goInteger,
  goList,
  goObject,
  goPort,
  goStringMap,
  goStrings,
  goText,
  goUnsigned,
} from './go-json.ts';
import { mountSchema } from './schema-mount.ts';

const driver = goObject({ Name: goText, Options: goStringMap });

const file = goObject({ Name: goText, UID: goText, GID: goText, Mode: goUnsigned });

const privileges = goObject({
  CredentialSpec: goObject({ Config: goText, File: goText, Registry: goText }).optional(),
  SELinuxContext: goObject({
    Disable: goFlag,
    User: goText,
    Role: goText,
    Type: goText,
    Level: goText,
  }).optional(),
  Seccomp: goObject({ Mode: goText, Profile: goText }).optional(),
  AppArmor: goObject({ Mode: goText }).optional(),
  NoNewPrivileges: goFlag,
});

export type PrivilegesDocument = z.output<typeof privileges>;

const containerSpec = goObject({
  Image: goText,
  Labels: goStringMap,
  Command: goStrings,
  Args: goStrings,
  Hostname: goText,
  Env: goStrings,
  Dir: goText,
  User: goText,
  Groups: goStrings,
  Privileges: privileges.optional(),
  Init: goFlag,
  StopSignal: goText,
  TTY: goFlag,
  OpenStdin: goFlag,
  ReadOnly: goFlag,
  Mounts: goList(mountSchema),
  StopGracePeriod: goDuration,
  Healthcheck: goObject({
    Test: goStrings,
    Interval: goDuration,
    Timeout: goDuration,
    StartPeriod: goDuration,
    StartInterval: goDuration,
    Retries: goUnsigned,
  }).optional(),
  Hosts: goStrings,
  DNSConfig: goObject({ Nameservers: goStrings, Search: goStrings, Options: goStrings }).optional(),
  Secrets: goList(goObject({ File: file.optional(), SecretID: goText, SecretName: goText })),
  Configs: goList(
    goObject({
      File: file.optional(),
      Runtime: goObject({}).optional(),
      ConfigID: goText,
      ConfigName: goText,
    }),
  ),
  Isolation: goEnum(['default', 'process', 'hyperv']),
  Sysctls: goStringMap,
  CapabilityAdd: goStrings,
  CapabilityDrop: goStrings,
  Ulimits: goList(goObject({ Name: goText, Soft: goInteger, Hard: goInteger })),
  OomScoreAdj: z.int().min(-1_000).max(1_000).optional(),
});

export type ContainerSpecDocument = z.output<typeof containerSpec>;

const genericResource = goObject({
  NamedResourceSpec: goObject({ Kind: goText, Value: goText }).optional(),
  DiscreteResourceSpec: goObject({ Kind: goText, Value: goInteger }).optional(),
});

const networks = goList(
  goObject({ Target: goText, Aliases: goStrings, DriverOpts: goStringMap }),
  100,
);

export type NetworkAttachmentDocument = NonNullable<z.output<typeof networks>>[number];

const taskTemplate = goObject({
  ContainerSpec: containerSpec.optional(),
  PluginSpec: goObject({
    Name: goText,
    Remote: goText,
    Disabled: goFlag,
    PluginPrivilege: goList(goObject({ Name: goText, Description: goText, Value: goStrings })),
    Env: goStrings,
  }).optional(),
  NetworkAttachmentSpec: goObject({ ContainerID: goText }).optional(),
  Resources: goObject({
    Limits: goObject({ NanoCPUs: goUnsigned, MemoryBytes: goUnsigned, Pids: goInteger }).optional(),
    Reservations: goObject({
      NanoCPUs: goUnsigned,
      MemoryBytes: goUnsigned,
      GenericResources: goList(genericResource),
    }).optional(),
  }).optional(),
  RestartPolicy: goObject({
    Condition: goEnum(['none', 'on-failure', 'any']),
    Delay: goDuration,
    MaxAttempts: goUnsigned,
    Window: goDuration,
  }).optional(),
  Placement: goObject({
    Constraints: goStrings,
    Preferences: goList(
      goObject({ Spread: goObject({ SpreadDescriptor: z.string() }).optional() }),
    ),
    MaxReplicas: goUnsigned,
    Platforms: goList(goObject({ Architecture: goText, OS: goText })),
  }).optional(),
  Networks: networks,
  LogDriver: driver.optional(),
  ForceUpdate: goUnsigned,
  Runtime: goText,
});

export type TaskTemplateDocument = z.output<typeof taskTemplate>;

const updateConfig = goObject({
  Parallelism: goUnsigned,
  Delay: goDuration,
  FailureAction: goEnum(['pause', 'continue', 'rollback']),
  Monitor: goDuration,
  MaxFailureRatio: z.number().min(0).max(1).optional(),
  Order: goEnum(['stop-first', 'start-first']),
});

export type UpdateConfigDocument = z.output<typeof updateConfig>;

const port = goObject({
  Name: goText,
  Protocol: goEnum(['tcp', 'udp', 'sctp']),
  TargetPort: goPort,
  PublishedPort: goPort,
  PublishMode: goEnum(['ingress', 'host']),
});

export type PortDocument = z.output<typeof port>;

/** A service as the Docker Engine API has it (moby api/types/swarm, 1.24 to 1.51). */
export const serviceSchema = goObject({
  Name: goText,
  Labels: goStringMap,
  TaskTemplate: taskTemplate.optional(),
  Mode: goObject({
    Replicated: goObject({ Replicas: goUnsigned }).optional(),
    Global: goObject({}).optional(),
    ReplicatedJob: goObject({ MaxConcurrent: goUnsigned, TotalCompletions: goUnsigned }).optional(),
    GlobalJob: goObject({}).optional(),
  }).optional(),
  UpdateConfig: updateConfig.optional(),
  RollbackConfig: updateConfig.optional(),
  /** Before 1.25 networks stood here. */
  Networks: networks,
  EndpointSpec: goObject({ Mode: goEnum(['vip', 'dnsrr']), Ports: goList(port) }).optional(),
});

export type ServiceDocument = z.output<typeof serviceSchema>;
