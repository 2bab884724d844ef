import type { RuntimeInfo } from '../host/container-runtime.ts';

/** What `GET /info` says, as far as it is read here. */
export interface EngineInfo {
  readonly Name: string;
  readonly ServerVersion: string;
  readonly OSType: string;
  readonly Architecture: string;
  readonly NCPU: number;
  readonly MemTotal: number;
  readonly Labels?: readonly string[] | null;
  readonly Plugins?: {
    readonly Volume?: readonly string[] | null;
    readonly Network?: readonly string[] | null;
    readonly Log?: readonly string[] | null;
  };
}

export function toRuntimeInfo(info: EngineInfo, apiVersion: string): RuntimeInfo {
  const plugins = (['Log', 'Network', 'Volume'] as const).flatMap((type) =>
    (info.Plugins?.[type] ?? []).map((name) => ({ type, name })),
  );
  return {
    version: info.ServerVersion,
    apiVersion,
    hostname: info.Name,
    os: info.OSType,
    architecture: info.Architecture,
    cpus: info.NCPU,
    memoryBytes: info.MemTotal,
    labels: Object.fromEntries(
      (info.Labels ?? []).map((label) => {
        const [key = '', ...value] = label.split('=');
        return [key, value.join('=')];
      }),
    ),
    plugins,
  };
}
