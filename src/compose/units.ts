const durationPart = /(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h|d)/gy;
const unitMs: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/**
 * A duration as Compose writes it (`1m30s`, `500ms`, `0`), in milliseconds; undefined when it is
 * none. Source: compose-spec "Specifying durations", which follows Go's time.ParseDuration plus
 * days.
 */
export function parseDurationMs(text: string): number | undefined {
  if (text === '0') return 0;
  let totalMs = 0;
  durationPart.lastIndex = 0;
  while (durationPart.lastIndex < text.length) {
    const match = durationPart.exec(text);
    if (match === null) return undefined;
    totalMs += Number(match[1]) * (unitMs[match[2] ?? ''] ?? Number.NaN);
  }
  return text === '' || !Number.isFinite(totalMs) ? undefined : totalMs;
}

const byteSize = /^(\d+(?:\.\d+)?)\s*([kmgtp]?)i?b?$/i;
const bytePowers = ['', 'k', 'm', 'g', 't', 'p'];

/**
 * A size as Compose writes it (`64m`, `1gb`, `2GiB`, `1024`): powers of 1024, in bytes; undefined
 * when it is none.
 */
export function parseByteSize(text: string): number | undefined {
  const match = byteSize.exec(text.trim());
  if (match === null) return undefined;
  const power = bytePowers.indexOf((match[2] ?? '').toLowerCase());
  return Math.floor(Number(match[1]) * 1024 ** power);
}
