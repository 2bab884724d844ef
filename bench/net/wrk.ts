/** What one run of `wrk` says. */
export interface Load {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

const units: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1_000 };

/** Parameters for `wrk`: few connections, so that the machine is not what is measured alone. */
export function wrkCommand(url: string, seconds: number): readonly string[] {
  return ['wrk', '--threads=1', '--connections=16', '--latency', `--duration=${seconds}s`, url];
}

/** Reads what `wrk --latency` prints. @throws where requests failed: that is no figure. */
export function readLoad(output: string): Load {
  if (/Socket errors|Non-2xx/.test(output)) throw new Error(`requests failed:\n${output}`);
  const percentile = (which: string): number => {
    const [, number = '', unit = ''] =
      new RegExp(`^ +${which}% +([\\d.]+)(us|ms|s)`, 'm').exec(output) ?? [];
    return Number(number) * (units[unit] ?? Number.NaN);
  };
  const perSecond = Number(/^Requests\/sec: +([\d.]+)/m.exec(output)?.[1]);
  const load = { perSecond, p50Ms: percentile('50'), p99Ms: percentile('99') };
  if (!Object.values(load).every(Number.isFinite)) throw new Error(`wrk said\n${output}`);
  return load;
}
