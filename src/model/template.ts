import type { Labels } from './labels.ts';

export type RestartCondition = 'any' | 'on-failure' | 'none';

/**
 * Absent settings have the defaults of `restartDefaults`; an absent delay means immediate, then
 * back-off to 5 s.
 */
export interface RestartPolicy {
  readonly condition?: RestartCondition;
  readonly delayMs?: number;
  /** 0 is no limit. */
  readonly maxAttempts?: number;
  /** Attempts are counted within this window; 0 is for ever. */
  readonly windowMs?: number;
}

export const restartDefaults = {
  condition: 'any',
  delayMs: 5_000,
  maxAttempts: 0,
  windowMs: 0,
} as const satisfies Required<RestartPolicy>;

export interface Resources {
  /** Billionths of a core. */
  readonly nanoCpus?: number;
  readonly memoryBytes?: number;
  readonly pids?: number;
}

export interface NetworkAttachmentSpec {
  /** Network id (a dialect resolves names before admission). */
  readonly networkId: string;
  /** Names that answer with every task of the service on this network. */
  readonly aliases: readonly string[];
  readonly driverOptions: Readonly<Record<string, string>>;
  /** A static address: the service's only task has this one there. Without prefix length. */
  readonly ipv4Address?: string;
}

export type Mount =
  | {
      readonly type: 'bind';
      readonly source: string;
      readonly target: string;
      readonly readOnly: boolean;
      readonly propagation?: string;
      readonly nonRecursive?: boolean;
      /** Make the missing source directory instead of refusing the task. */
      readonly createHostPath?: boolean;
    }
  | {
      readonly type: 'volume';
      /** Absent: an anonymous volume. */
      readonly source?: string;
      readonly target: string;
      readonly readOnly: boolean;
      readonly noCopy?: boolean;
      readonly labels?: Labels;
      readonly driver?: {
        readonly name: string;
        readonly options: Readonly<Record<string, string>>;
      };
      readonly subpath?: string;
    }
  | {
      readonly type: 'tmpfs';
      readonly target: string;
      readonly readOnly: boolean;
      readonly sizeBytes?: number;
      /** File mode bits, e.g. 0o1777. */
      readonly mode?: number;
    };

/** Absent settings come from the image. */
export interface HealthCheck {
  /** `['NONE']`, `['CMD', …]` or `['CMD-SHELL', '…']`; empty: the image's. */
  readonly test: readonly string[];
  readonly intervalMs?: number;
  readonly timeoutMs?: number;
  readonly startPeriodMs?: number;
  readonly startIntervalMs?: number;
  readonly retries?: number;
}

/** A secret or a config as a file in the container. */
export interface FileReference {
  /** Id of the secret or config. */
  readonly sourceId: string;
  readonly sourceName: string;
  /** Path in the container: for secrets relative to `/run/secrets`, for configs from `/`. */
  readonly target: string;
  readonly uid: string;
  readonly gid: string;
  readonly mode: number;
}

export interface Ulimit {
  readonly name: string;
  readonly soft: number;
  readonly hard: number;
}

export interface ContainerSpec {
  /** Unique in the template; the first container of a Swarm service is called `main`. */
  readonly name: string;
  readonly image: string;
  readonly labels: Labels;
  /** Replaces the image's entrypoint. */
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly hostname?: string;
  /** `KEY=value`. */
  readonly env: readonly string[];
  readonly workingDirectory?: string;
  readonly user?: string;
  readonly groups: readonly string[];
  readonly tty: boolean;
  readonly openStdin: boolean;
  readonly readOnly: boolean;
  readonly init?: boolean;
  readonly stopSignal?: string;
  /** Absent: 10 s. */
  readonly stopGracePeriodMs?: number;
  readonly healthCheck?: HealthCheck;
  /** `address name`, as in /etc/hosts. */
  readonly hosts: readonly string[];
  readonly dns: {
    readonly nameservers: readonly string[];
    readonly search: readonly string[];
    readonly options: readonly string[];
  };
  readonly mounts: readonly Mount[];
  readonly secrets: readonly FileReference[];
  readonly configs: readonly FileReference[];
  readonly sysctls: Readonly<Record<string, string>>;
  readonly capabilityAdd: readonly string[];
  readonly capabilityDrop: readonly string[];
  readonly ulimits: readonly Ulimit[];
  readonly isolation?: string;
  readonly limits: Resources;
  readonly reservations: Resources;
  readonly privileged?: boolean;
  readonly devices?: readonly {
    readonly pathOnHost: string;
    readonly pathInContainer: string;
    readonly permissions: string;
  }[];
  readonly securityOptions?: readonly string[];
  readonly shmSizeBytes?: number;
  readonly oomScoreAdjust?: number;
  readonly pullPolicy?: 'always' | 'missing' | 'never';
}

/**
 * What each task of a service runs: two templates that say the same need no restart between them.
 */
export interface TaskTemplateSpec {
  /** One or more, placed together, sharing one network namespace. */
  readonly containers: readonly ContainerSpec[];
  readonly networks: readonly NetworkAttachmentSpec[];
  /** Ports bound on the node itself (mode `host`), taken from the service's ports. */
  readonly hostPorts: readonly {
    readonly protocol: 'tcp' | 'udp' | 'sctp';
    readonly targetPort: number;
    readonly publishedPort?: number;
  }[];
  readonly restart?: RestartPolicy;
  readonly logDriver?: {
    readonly name: string;
    readonly options: Readonly<Record<string, string>>;
  };
  /** Raised by `--force`: makes an equal template a different one. */
  readonly forceUpdate: number;
  readonly runtime?: string;
}

/** A template row: kept as long as a service or a task refers to it. */
export interface TaskTemplate {
  readonly id: string;
  readonly serviceId: string;
  readonly spec: TaskTemplateSpec;
}
