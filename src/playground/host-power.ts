import type { PlaygroundMachine } from '../host/playground-machine.ts';
import { connectHost, disconnectHost } from './fabric.ts';
import { removeCgroups } from './cgroups.ts';
import { hostFiles } from './host-files.ts';
import { onHost } from './namespace-call.ts';
import { findInit } from './needed-programs.ts';
import { hostPlaces } from './places.ts';
import { hostVariable, idVariable, marks } from './processes.ts';
import { succeed, until } from './programs.ts';
import type { PlaygroundHost, PlaygroundState } from './state.ts';

const startLimitMs = 10_000;
const endLimitMs = 30_000;

/** A host of a playground, and what it hangs on. */
export interface HostSite {
  readonly state: PlaygroundState;
  readonly host: PlaygroundHost;
  /** The process that holds the fabric. */
  readonly fabric: number;
}

/** Every namespace of which a host has its own; killing its first process ends all others. */
const namespaces = ['--net', '--mount', '--uts', '--pid', '--mount-proc'];

/**
 * Gives a host power: namespaces, `/run`, `/etc`, its name and its link. Returns its first process.
 */
export async function powerOn(machine: PlaygroundMachine, site: HostSite): Promise<number> {
  const { state, host } = site;
  const places = hostPlaces(state, host);
  await endForgotten(machine, site);
  // What stood in memory went with the power.
  await machine.removeTree(places.runDirectory);
  await machine.makeDirectory(`${places.runDirectory}/lock`);
  await machine.makeDirectory(places.dataDirectory);
  const holder = await machine.start({
    program: 'unshare',
    parameters: [
      ...namespaces,
      '--fork',
      '--kill-child',
      findInit(machine),
      '--',
      'sleep',
      'infinity',
    ],
    environment: { [idVariable]: state.id, [hostVariable]: host.name },
    logFile: places.hostLog,
  });
  const firstPid = await until(machine, {
    look: () => firstOf(machine, holder),
    limitMs: startLimitMs,
    late: async () => `${host.name} did not start: ${await machine.readFile(places.hostLog)}`,
  });
  await mountOwn(machine, { site, firstPid });
  await succeed(machine, onHost(firstPid, { program: 'hostname', parameters: [host.name] }));
  await connectHost(machine, { ...site, firstPid });
  await machine.writeFile(places.powerMark, machine.namespaceOf(firstPid, 'pid') ?? '');
  return firstPid;
}

/**
 * Whether a host was given power to the end. One that was not still sees `/run` of the machine:
 * nothing may be started on it.
 */
export async function hasFullPower(
  machine: PlaygroundMachine,
  { state, host, firstPid }: Omit<HostSite, 'fabric'> & { readonly firstPid: number },
): Promise<boolean> {
  const mark = await machine.readFile(hostPlaces(state, host).powerMark);
  return mark !== undefined && mark === machine.namespaceOf(firstPid, 'pid');
}

/** A command that was killed while it gave the host power may have begun one that still comes. */
async function endForgotten(machine: PlaygroundMachine, { state, host }: HostSite): Promise<void> {
  const forgotten = machine
    .listProcesses(marks)
    .filter(
      ({ environment }) =>
        environment[idVariable] === state.id && environment[hostVariable] === host.name,
    );
  for (const { pid } of forgotten) machine.signal(pid, 'SIGKILL');
  await until(machine, {
    look: () => (forgotten.some(({ pid }) => machine.hasProcess(pid)) ? undefined : true),
    limitMs: endLimitMs,
    late: () => `processes of ${host.name} do not end`,
  });
}

/** The first process of a host, once it has all its namespaces. */
function firstOf(machine: PlaygroundMachine, holder: number): number | undefined {
  const [first] = machine.childrenOf(holder);
  if (first === undefined) return undefined;
  // What `unshare` prepares is done once it became another program, which has a child.
  return machine.childrenOf(first).length > 0 ? first : undefined;
}

/** `/run` of the host is a directory of the machine; its `/etc` is the machine's, with changes. */
async function mountOwn(
  machine: PlaygroundMachine,
  { site, firstPid }: { readonly site: HostSite; readonly firstPid: number },
): Promise<void> {
  const { state, host } = site;
  const { runDirectory, dataDirectory } = hostPlaces(state, host);
  const mount = (...parameters: readonly string[]) =>
    succeed(machine, onHost(firstPid, { program: 'mount', parameters }));
  const [upper, work] = [`${dataDirectory}/etc/changes`, `${dataDirectory}/etc/work`];
  const machineHosts = (await machine.readFile('/etc/hosts')) ?? '';
  const resolvers = (await machine.readFile('/etc/resolv.conf')) ?? '';
  await machine.makeDirectory(upper);
  await machine.makeDirectory(work);
  await machine.makeDirectory(`${upper}/docker`);
  await machine.makeDirectory(`${dataDirectory}/etc/docker`);
  for (const [name, text] of Object.entries(hostFiles(host, { state, machineHosts, resolvers }))) {
    await machine.writeFile(`${upper}/${name}`, text);
  }
  const layers = `lowerdir=/etc,upperdir=${upper},workdir=${work}`;
  await mount('-t', 'overlay', '-o', layers, 'overlay', '/etc');
  // With the key of the engine: no two hosts may have the same.
  await mount('--bind', `${dataDirectory}/etc/docker`, '/etc/docker');
  await mount('--bind', runDirectory, '/run');
}

/** Takes a host's power: all its processes are gone, and what stood in its memory. */
export async function powerOff(
  machine: PlaygroundMachine,
  { site, firstPid }: { readonly site: HostSite; readonly firstPid: number },
): Promise<void> {
  const { state, host, fabric } = site;
  machine.signal(firstPid, 'SIGKILL');
  await until(machine, {
    look: () => (machine.hasProcess(firstPid) ? undefined : true),
    limitMs: endLimitMs,
    late: () => `${host.name} does not end: its first process is ${firstPid}`,
  });
  await disconnectHost(machine, { host, fabric });
  await machine.removeTree(hostPlaces(state, host).runDirectory);
  await removeCgroups(machine, state, host.name);
}
