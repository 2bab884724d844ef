import type { PlaygroundHost, PlaygroundState } from './state.ts';

/** What stands in the memory of hosts, gone with the next boot. */
export const runRoot = '/run/tutti-playground';
/** Disks of hosts, and what is remembered of playgrounds. */
export const dataRoot = '/var/lib/tutti-playground';

export interface PlaygroundPlaces {
  readonly runDirectory: string;
  readonly stateFile: string;
  readonly dataDirectory: string;
  readonly fabricLog: string;
  /** Images on their way into the hosts. */
  readonly imageArchive: string;
}

export function placesOf(name: string): PlaygroundPlaces {
  const runDirectory = `${runRoot}/${name}`;
  const dataDirectory = `${dataRoot}/${name}`;
  return {
    runDirectory,
    dataDirectory,
    stateFile: `${dataDirectory}/state.json`,
    fabricLog: `${dataDirectory}/fabric.log`,
    imageArchive: `${dataDirectory}/images.tar`,
  };
}

/** Where a host's things stand, as the machine sees them. */
export interface HostPlaces {
  /** `/run` of the host. */
  readonly runDirectory: string;
  /** Its disk. */
  readonly dataDirectory: string;
  /** Takes the words of the docker command that are about a cluster. */
  readonly apiSocket: string;
  readonly engineSocket: string;
  readonly hostLog: string;
  readonly daemonLog: string;
  readonly engineLog: string;
  readonly containerdConfig: string;
  readonly engineConfig: string;
  /**
   * Names the process namespace of a host that was given power to the end. It stands in what goes
   * with the power: the kernel gives the number of a namespace that is gone to the next one.
   */
  readonly powerMark: string;
}

export function hostPlaces(
  { name: playground, orchestrator }: Pick<PlaygroundState, 'name' | 'orchestrator'>,
  { name }: Pick<PlaygroundHost, 'name'>,
): HostPlaces {
  const { runDirectory: playgroundRun, dataDirectory: playgroundData } = placesOf(playground);
  const runDirectory = `${playgroundRun}/${name}`;
  const dataDirectory = `${playgroundData}/${name}`;
  const engineSocket = `${runDirectory}/docker.sock`;
  return {
    runDirectory,
    dataDirectory,
    apiSocket: orchestrator === 'swarm' ? engineSocket : `${runDirectory}/tutti.sock`,
    engineSocket,
    hostLog: `${dataDirectory}/host.log`,
    daemonLog: `${dataDirectory}/daemon.log`,
    engineLog: `${dataDirectory}/engine.log`,
    containerdConfig: `${dataDirectory}/containerd.toml`,
    engineConfig: `${dataDirectory}/daemon.json`,
    powerMark: `${runDirectory}/playground-power`,
  };
}

/** As the host sees them. */
export const insideHost = {
  apiSocket: '/run/tutti.sock',
  engineSocket: '/run/docker.sock',
  containerdSocket: '/run/containerd/containerd.sock',
  containerdState: '/run/containerd',
  enginePidFile: '/run/docker.pid',
  engineState: '/run/docker',
} as const;
