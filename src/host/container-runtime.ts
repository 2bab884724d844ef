import type { Instant } from '../model/instant.ts';
import type { LogFrame, LogQuery } from '../model/log.ts';
import type { Health, ObservedPort } from '../model/task.ts';
import type { ContainerSpec, TaskTemplateSpec } from '../model/template.ts';

/** A network endpoint to give a container. `networkName` is the engine's name for the network. */
export interface ContainerEndpoint {
  readonly networkName: string;
  /** Without prefix length; absent: the engine chooses (predefined networks). */
  readonly address?: string;
  /** Without prefix length, too. */
  readonly ipv6Address?: string;
}

/** A file of the host that is bound into the container (resolv.conf, secrets, configs). */
export interface BoundFile {
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
}

export interface CreateContainer {
  readonly name: string;
  readonly spec: ContainerSpec;
  readonly labels: Readonly<Record<string, string>>;
  readonly endpoints: readonly ContainerEndpoint[];
  /** Share the network of this container instead of having endpoints. */
  readonly joinContainerId?: string;
  /** Ports that the container is known to listen on; nothing is bound for them. */
  readonly exposedPorts: readonly Pick<ObservedPort, 'protocol' | 'targetPort'>[];
  readonly files: readonly BoundFile[];
  readonly logDriver?: TaskTemplateSpec['logDriver'];
}

/** What the engine says of a container. */
export interface RuntimeContainer {
  readonly id: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly state: 'created' | 'running' | 'paused' | 'restarting' | 'removing' | 'exited' | 'dead';
  readonly pid?: number;
  readonly exitCode?: number;
  readonly outOfMemory: boolean;
  /** The engine's own words when a start failed. */
  readonly error?: string;
  readonly health: Health;
  /** Last lines of a failing health check. */
  readonly healthLog?: string;
  /** Present where the container has a health check. */
  readonly healthCheck?: {
    /** Longest time between two of its results: interval and timeout. */
    readonly periodMs: number;
    /** When the latest result came, by this machine's clock. */
    readonly lastAt?: Instant;
  };
  /** On the engine's own bridge (`docker0`); absent while it is on none. */
  readonly engineAddress?: string;
}

/** "Look at this container now": never the truth itself. `reset`: look at all of them. */
export type RuntimeEvent =
  | {
      readonly kind: 'container';
      readonly containerId: string;
      readonly labels: Readonly<Record<string, string>>;
      /**
       * What its process ended with just now. Who looks waits until the engine has cleaned up
       * behind it, networks too, which takes longer than all else.
       */
      readonly exitCode?: number;
    }
  | { readonly kind: 'network'; readonly networkName: string }
  | { readonly kind: 'reset' };

/** The fixed place of a container on a network, whether it runs or not. */
export interface RuntimeEndpoint {
  readonly networkName: string;
  readonly containerId: string;
  /** Of the container, as it is called now. */
  readonly name: string;
  /** Without prefix length; one that the engine chose by itself is none. */
  readonly address: string;
  readonly aliases: readonly string[];
  readonly running: boolean;
}

export interface RuntimeNetwork {
  /** The engine's own id. */
  readonly id: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Name of the bridge device on the host. */
  readonly bridge?: string;
  /** It was made without IPv6. */
  readonly lacksIpv6?: true;
}

export interface CreateRuntimeNetwork {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly subnet: string;
  readonly gateway: string;
  /** A small range of the subnet that the engine may hand out by itself and that we never use. */
  readonly reservedRange?: string;
  readonly internal: boolean;
  readonly bridge: string;
  readonly mtu?: number;
  readonly ipv6?: {
    readonly subnet: string;
    readonly gateway: string;
    readonly reservedRange?: string;
  };
}

export interface RuntimeInfo {
  readonly version: string;
  readonly apiVersion: string;
  readonly hostname: string;
  readonly os: string;
  readonly architecture: string;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly plugins: readonly { readonly type: string; readonly name: string }[];
}

/**
 * A container engine, seen by the agent. Failures are TuttiErrors: `not-found` (image, container),
 * `conflict` (name or address in use), `invalid-argument`, `unavailable` (engine does not answer),
 * `internal`. Start and stop of what already is so are no errors.
 */
export interface ContainerRuntime {
  info(signal: AbortSignal): Promise<RuntimeInfo>;
  /** The image's id, or undefined where the engine does not have it. */
  findImage(reference: string, signal: AbortSignal): Promise<string | undefined>;
  pullImage(
    reference: string,
    options: { readonly registryAuth?: string; readonly signal: AbortSignal },
  ): Promise<void>;
  createContainer(request: CreateContainer, signal: AbortSignal): Promise<string>;
  /** `unavailable` where the engine has to clean up after a crash first. */
  startContainer(containerId: string, signal: AbortSignal): Promise<void>;
  /**
   * Makes this network the way out of a container that runs, whichever the engine took. One that
   * has ended is no error.
   */
  leadOut(containerId: string, networkName: string, signal: AbortSignal): Promise<void>;
  /**
   * Sends the stop signal, waits for the grace period, kills. Resolves when the container has
   * stopped.
   */
  stopContainer(
    containerId: string,
    options: { readonly graceMs: number; readonly signal: AbortSignal },
  ): Promise<void>;
  killContainer(containerId: string, signal: AbortSignal): Promise<void>;
  /**
   * Makes the engine check a running container's health again: one that restarted under its
   * containers may have forgotten to (Docker with `live-restore`).
   */
  resumeHealthCheck(containerId: string, signal: AbortSignal): Promise<void>;
  /**
   * Kills what runs of containers although the engine says that they do not run, as after a crash
   * while it started them. Resolves with whether something ran.
   */
  endLostProcesses(containerIds: readonly string[]): Promise<boolean>;
  /** With its anonymous volumes. Removing what is not there is no error. */
  removeContainer(containerId: string, signal: AbortSignal): Promise<void>;
  inspectContainer(containerId: string, signal: AbortSignal): Promise<RuntimeContainer | undefined>;
  /** All containers, stopped ones too, that carry this label (`key` or `key=value`). */
  listContainers(label: string, signal: AbortSignal): Promise<readonly RuntimeContainer[]>;
  /** The fixed addresses of containers on these networks, but for containers with this label. */
  listEndpoints(
    of: { readonly networkNames: readonly string[]; readonly exceptLabel: string },
    signal: AbortSignal,
  ): Promise<readonly RuntimeEndpoint[]>;
  createNetwork(request: CreateRuntimeNetwork, signal: AbortSignal): Promise<RuntimeNetwork>;
  listNetworks(label: string, signal: AbortSignal): Promise<readonly RuntimeNetwork[]>;
  /** Also where the engine kept endpoints of containers that are gone. */
  removeNetwork(name: string, signal: AbortSignal): Promise<void>;
  /** Takes a container off a network, whether it runs or not. */
  disconnect(networkName: string, containerId: string, signal: AbortSignal): Promise<void>;
  logs(containerId: string, query: LogQuery, signal: AbortSignal): AsyncIterable<LogFrame>;
  /** Never ends before the signal; reconnects by itself and says `reset` each time it had to. */
  events(signal: AbortSignal): AsyncIterable<RuntimeEvent>;
}
