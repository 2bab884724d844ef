import { isDeepStrictEqual } from 'node:util';
import { type PartitionSite, ports, type ServiceName } from './partition-site.ts';
import { readTruth, type Truth } from './truth.ts';

const services = Object.keys(ports) as readonly ServiceName[];
/** So that several tasks get their turn. */
const callsPerPort = 2;
const callLimitMs = 1_000;

type Truths = ReadonlyMap<ServiceName, Truth | undefined>;

export interface Look {
  /** What was not as the manager has it, a sentence each. */
  readonly wrong: readonly string[];
  /** Of which services there are, and on how many tasks. */
  readonly tasks: Readonly<Partial<Record<ServiceName, number>>>;
}

/**
 * Looks at every name and every port on every node, beside what a manager has. Undefined: that
 * changed during the look.
 */
export async function look(site: PartitionSite, manager: string): Promise<Look | undefined> {
  const before = await readTruths(site, manager);
  const wrong = await Promise.all(
    site.hosts.map(async ({ name, address }) => [
      ...(await lookAtNames(site, { host: name, truths: before })),
      ...(await lookAtPorts(address, { host: name, truths: before })),
    ]),
  );
  const after = await readTruths(site, manager);
  if (!isDeepStrictEqual(before, after)) return undefined;
  const counts = [...before].flatMap(([service, truth]) =>
    truth === undefined ? [] : [[service, truth.addresses.length] as const],
  );
  return { wrong: wrong.flat(), tasks: Object.fromEntries(counts) };
}

async function readTruths(site: PartitionSite, manager: string): Promise<Truths> {
  const client = site.playground.client(manager);
  const found = services.map(async (service) => {
    const truth = await readTruth(client, { service, networkId: site.networkId });
    return [service, truth] as const;
  });
  return new Map(await Promise.all(found));
}

interface LookAt {
  readonly host: string;
  readonly truths: Truths;
}

async function lookAtNames(
  site: PartitionSite,
  { host, truths }: LookAt,
): Promise<readonly string[]> {
  const wanted = new Map<string, readonly string[]>();
  for (const [service, truth] of truths) {
    wanted.set(service, truth === undefined ? [] : [truth.virtualAddress]);
    wanted.set(`tasks.${service}`, truth?.addresses ?? []);
  }
  const answers = await site.ask(host, [...wanted.keys()]);
  return [...wanted].flatMap(([name, addresses]) => {
    const answer = answers[name];
    // A name of a service that is gone is asked of the world outside, which may take its time.
    const isOutside = addresses.length === 0 && answer === undefined;
    if (isOutside || isDeepStrictEqual(answer, addresses)) return [];
    const found = answer === undefined ? 'no answer' : `[${answer.join(' ')}]`;
    return [`${host}: ${name} is ${found} instead of [${addresses.join(' ')}]`];
  });
}

async function lookAtPorts(address: string, { host, truths }: LookAt): Promise<readonly string[]> {
  const calls = [...truths].flatMap(([service, truth]) =>
    Array.from({ length: callsPerPort }, async () => {
      const said = await call(address, ports[service]);
      if (truth === undefined) {
        return 'hostname' in said ? [`${host}: ${service}, removed, is answered`] : [];
      }
      if ('failure' in said) return [`${host}: the port of ${service}: ${said.failure}`];
      if (truth.hostnames.includes(said.hostname)) return [];
      return [`${host}: the port of ${service} is answered by ${said.hostname}, no task of it`];
    }),
  );
  return (await Promise.all(calls)).flat();
}

/** Which container answers. */
async function call(
  address: string,
  port: number,
): Promise<{ readonly hostname: string } | { readonly failure: string }> {
  try {
    const response = await fetch(`http://${address}:${port}/cgi-bin/hostname`, {
      signal: AbortSignal.timeout(callLimitMs),
      headers: { connection: 'close' },
    });
    const text = (await response.text()).trim();
    return response.ok ? { hostname: text } : { failure: `status ${response.status}` };
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    return { failure: cause instanceof Error ? cause.message : String(cause) };
  }
}
