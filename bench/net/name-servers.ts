import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { NetworkDuties } from '../../src/host/caretaker.ts';
import type { CatalogService } from '../../src/model/assignment.ts';
import { tuttiCommand } from '../../tools/daemon/start-daemon.ts';

export const address = '127.0.0.1';
const networkId = 'bench';
/** The clock of processor times in `/proc` (proc_pid_stat(5)). */
const tickMs = 10;
const readyLimitMs = 20_000;

/** Processes that answer the same names on one port. */
export interface NameServers extends AsyncDisposable {
  readonly port: number;
  /** What they used until now, all together. */
  processorMs(): number;
}

/** `NAME` and address of each record. */
export function records(count: number): readonly (readonly [name: string, address: string])[] {
  return Array.from({ length: count }, (_, at) => {
    const [high, low] = [Math.floor(at / 250), (at % 250) + 1];
    return [`s${at}`, `10.${200 + Math.floor(high / 250)}.${high % 250}.${low}`];
  });
}

/** Debian's dnsmasq with the records in a file for hosts, all of them in its memory. */
export async function startDnsmasq(
  all: ReturnType<typeof records>,
  of: { readonly directory: string; readonly port: number },
): Promise<NameServers> {
  const hosts = join(of.directory, 'hosts');
  await writeFile(hosts, all.map(([name, at]) => `${at} ${name}\n`).join(''));
  const child = spawn(
    'dnsmasq',
    [
      '--keep-in-foreground',
      '--conf-file=/dev/null',
      '--pid-file=',
      '--user=root',
      '--no-resolv',
      '--no-hosts',
      `--addn-hosts=${hosts}`,
      `--cache-size=${all.length}`,
      '--bind-interfaces',
      `--listen-address=${address}`,
      `--port=${of.port}`,
    ],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  );
  await sleep(startMs);
  return serversOf([child], of.port);
}

/** It says nothing when it is ready. */
const startMs = 1_000;

/**
 * Tutti's own process that answers beside a daemon and after it, as `npm run setup` installs it,
 * with as many services as there are records.
 */
export async function startTutti(
  all: ReturnType<typeof records>,
  of: { readonly directory: string; readonly port: number; readonly processes: number },
): Promise<NameServers> {
  const duties = dutiesOf(all, of.port);
  const children: ChildProcess[] = [];
  for (let number = 0; number < of.processes; number += 1) {
    const socket = join(of.directory, `names-${number}.sock`);
    const child = spawn(tuttiCommand, ['take-care', socket], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      serialization: 'advanced',
    });
    child.send(duties);
    await once(child, 'message', { signal: AbortSignal.timeout(readyLimitMs) });
    child.disconnect();
    children.push(child);
  }
  return serversOf(children, of.port);
}

function dutiesOf(all: ReturnType<typeof records>, port: number): NetworkDuties {
  const network = {
    networkId,
    name: 'bench',
    labels: {},
    subnet: '127.0.0.0/8',
    gateway: address,
    internal: true,
    ingress: false,
    enableIpv6: false,
    driverOptions: {},
    predefined: false,
  };
  const services = all.map(([name, virtualAddress]): [string, CatalogService] => [
    name,
    {
      serviceId: name,
      name,
      endpointMode: 'vip',
      networks: [{ networkId, aliases: [], virtualAddress }],
      ports: [],
    },
  ]);
  const view = {
    networks: new Map([[networkId, network]]),
    services: new Map(services),
    tasks: new Map(),
    nodes: new Map(),
    nodeId: 'bench',
    own: new Map(),
    publications: [],
  };
  return { names: [{ networkId, port, address }], view, forwards: [] };
}

function serversOf(children: readonly ChildProcess[], port: number): NameServers {
  return {
    port,
    processorMs: () => children.reduce((sum, { pid }) => sum + processorMsOf(pid), 0),
    [Symbol.asyncDispose]: async () => {
      for (const child of children) {
        if (child.exitCode !== null || child.signalCode !== null) continue;
        const ended = once(child, 'exit');
        child.kill('SIGKILL');
        await ended;
      }
    },
  };
}

function processorMsOf(pid: number | undefined): number {
  // The name of the program stands in brackets and may contain anything.
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
  return stat.slice(11, 13).reduce((sum, ticks) => sum + Number(ticks), 0) * tickMs;
}
