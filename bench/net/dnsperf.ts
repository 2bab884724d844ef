import { run } from './run.ts';

/** What a nameserver did under a load. */
export interface NameLoad {
  readonly perSecond: number;
  readonly lost: number;
  /** Of each answer, where each was written down. */
  readonly latenciesMs: readonly number[];
}

/**
 * One process asks by so many sockets: the kernel gives each of them one of the processes that
 * share a port.
 */
const clients = 32;

/**
 * Asks the names of a file (`NAME A` in each line) over and over.
 *
 * @param load.perSecond At most; without it as many as are answered.
 */
export async function askNames(
  server: { readonly address: string; readonly port: number },
  load: { readonly file: string; readonly seconds: number; readonly perSecond?: number },
): Promise<NameLoad> {
  const { file, seconds, perSecond } = load;
  const where = ['-s', server.address, '-p', String(server.port), '-d', file];
  const how = ['-l', String(seconds), '-c', String(clients), '-T', '1'];
  const limit = perSecond === undefined ? [] : ['-v', '-Q', String(Math.round(perSecond))];
  return readNameLoad(await run('dnsperf', ...where, ...how, ...limit));
}

/** @throws {Error} where not every answer had records. */
export function readNameLoad(output: string): NameLoad {
  const number = (what: RegExp): number => Number(what.exec(output)?.[1]);
  const sent = number(/Queries sent:\s+(\d+)/);
  const lost = number(/Queries lost:\s+(\d+)/);
  const perSecond = number(/Queries per second:\s+([\d.]+)/);
  const found = number(/Response codes:.*\bNOERROR (\d+)/);
  if (![sent, lost, perSecond].every((one) => Number.isFinite(one))) {
    throw new Error(`dnsperf said:\n${output.slice(0, longestQuote)}`);
  }
  if (found !== sent - lost) throw new Error(`${found} of ${sent - lost} answers had records`);
  const latenciesMs = [...output.matchAll(/^> NOERROR \S+ A ([\d.]+)$/gm)].map(
    ([, latency]) => Number(latency) * 1_000,
  );
  return { perSecond, lost, latenciesMs };
}

const longestQuote = 2_000;
