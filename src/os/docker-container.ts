import type { RuntimeContainer, RuntimeEndpoint } from '../host/container-runtime.ts';
import type { Health } from '../model/task.ts';

/** What `GET /containers/{id}/json` says, as far as it is read here (Docker Engine API 1.41). */
export interface ContainerInspect {
  readonly Id: string;
  readonly Name: string;
  readonly Config: {
    readonly Labels?: Readonly<Record<string, string>> | null;
    readonly Tty?: boolean;
    /** Times in nanoseconds; 0 means the engine's own. */
    readonly Healthcheck?: {
      readonly Test?: readonly string[] | null;
      readonly Interval?: number;
      readonly Timeout?: number;
    };
  };
  readonly State: {
    readonly Status: string;
    readonly Pid: number;
    readonly ExitCode: number;
    readonly OOMKilled: boolean;
    readonly Error: string;
    readonly StartedAt: string;
    readonly Health?: {
      readonly Status: string;
      readonly Log?: readonly { readonly End: string; readonly Output: string }[] | null;
    };
  };
  readonly NetworkSettings?: {
    readonly Networks?: Readonly<Record<string, InspectedEndpoint | null>> | null;
  };
}

interface InspectedEndpoint {
  /** Empty while the container does not run. */
  readonly IPAddress: string;
  /** Of IPv4; empty, too, where it leads nowhere. */
  readonly Gateway?: string;
  readonly IPAMConfig?: { readonly IPv4Address?: string } | null;
  readonly Aliases?: readonly string[] | null;
}

const states = [
  'created',
  'running',
  'paused',
  'restarting',
  'removing',
  'exited',
  'dead',
] as const satisfies readonly RuntimeContainer['state'][];

const healths = ['none', 'starting', 'healthy', 'unhealthy'] as const satisfies readonly Health[];

const nanosecondsPerMs = 1_000_000;
/** Interval and timeout of health checks that name none (Docker). */
const defaultHealthMs = 30_000;

export function toRuntimeContainer(inspect: ContainerInspect): RuntimeContainer {
  const { State: state } = inspect;
  const status = states.find((one) => one === state.Status) ?? 'dead';
  const healthLog = state.Health?.Log?.at(-1)?.Output.trim();
  const engineAddress = inspect.NetworkSettings?.Networks?.['bridge']?.IPAddress ?? '';
  return {
    id: inspect.Id,
    name: inspect.Name.replace(/^\//, ''),
    labels: inspect.Config.Labels ?? {},
    state: status,
    outOfMemory: state.OOMKilled,
    health: healths.find((one) => one === state.Health?.Status) ?? 'none',
    ...(state.Pid > 0 && { pid: state.Pid }),
    ...(hasEnded(status) && { exitCode: state.ExitCode }),
    ...(state.Error !== '' && { error: state.Error }),
    ...(healthLog !== undefined && healthLog !== '' && { healthLog }),
    ...(engineAddress !== '' && { engineAddress }),
    ...healthCheckOf(inspect),
  };
}

function healthCheckOf(inspect: ContainerInspect): Pick<RuntimeContainer, 'healthCheck'> {
  const check = inspect.Config.Healthcheck;
  if (inspect.State.Health === undefined || check === undefined) return {};
  const milliseconds = (nanoseconds = 0): number =>
    nanoseconds === 0 ? defaultHealthMs : nanoseconds / nanosecondsPerMs;
  const periodMs = milliseconds(check.Interval) + milliseconds(check.Timeout);
  const last = Date.parse(inspect.State.Health.Log?.at(-1)?.End ?? '');
  return { healthCheck: { periodMs, ...(Number.isFinite(last) && { lastAt: last }) } };
}

/** One that is being removed was killed for it, or had ended before. */
function hasEnded(status: RuntimeContainer['state']): boolean {
  return status === 'exited' || status === 'dead' || status === 'removing';
}

/** Its fixed addresses on these networks. */
export function endpointsOf(
  inspect: ContainerInspect,
  networkNames: readonly string[],
): readonly RuntimeEndpoint[] {
  const { Id: containerId, Name, State: state, NetworkSettings: settings } = inspect;
  const running = state.Status === 'running' || state.Status === 'paused';
  return networkNames.flatMap((networkName) => {
    const endpoint = settings?.Networks?.[networkName];
    const address = endpoint?.IPAMConfig?.IPv4Address ?? '';
    if (address === '') return [];
    const aliases = endpoint?.Aliases ?? [];
    return [{ networkName, containerId, name: Name.replace(/^\//, ''), address, aliases, running }];
  });
}
