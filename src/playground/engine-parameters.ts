/** Where a containerd of one's own keeps what it keeps. */
export interface ContainerdPlaces {
  readonly config: string;
  readonly root: string;
  readonly state: string;
  readonly socket: string;
}

/** Images come from `dockerd` alone. */
export const containerdConfig =
  'version = 2\n' +
  'disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]\n';

export function containerdParameters(places: ContainerdPlaces): readonly string[] {
  return [
    `--config=${places.config}`,
    `--root=${places.root}`,
    `--state=${places.state}`,
    `--address=${places.socket}`,
    '--log-level=warn',
  ];
}

export interface DockerdPlaces {
  readonly config: string;
  readonly root: string;
  readonly state: string;
  readonly pidFile: string;
  readonly socket: string;
  readonly containerdSocket: string;
}

export interface DockerdOptions extends DockerdPlaces {
  /** Containers outlive the engine. */
  readonly liveRestore: boolean;
  /** Where the cgroups of containers go, and that `dockerd` itself makes them. */
  readonly cgroupParent?: string;
  /** `none`: no bridge `docker0`. */
  readonly defaultBridge?: 'none' | 'docker0';
}

export function dockerdParameters(options: DockerdOptions): readonly string[] {
  const { liveRestore, cgroupParent, defaultBridge } = options;
  return [
    `--config-file=${options.config}`,
    `--data-root=${options.root}`,
    `--exec-root=${options.state}`,
    `--pidfile=${options.pidFile}`,
    `--host=unix://${options.socket}`,
    `--containerd=${options.containerdSocket}`,
    ...(liveRestore ? ['--live-restore'] : []),
    ...(cgroupParent === undefined
      ? []
      : [`--cgroup-parent=${cgroupParent}`, '--exec-opt=native.cgroupdriver=cgroupfs']),
    '--log-level=warn',
    ...(defaultBridge === 'none' ? ['--bridge=none'] : []),
  ];
}
