import type { PlaygroundMachine } from '../host/playground-machine.ts';
import { parseAddress, parseSubnet } from '../lib/ipv4.ts';
import { renderFabricRules } from './fabric-rules.ts';
import { onNetwork } from './namespace-call.ts';
import { placesOf } from './places.ts';
import { fabricMark, hostVariable, idVariable } from './processes.ts';
import { succeed, until } from './programs.ts';
import { machineName, type PlaygroundHost, type PlaygroundState } from './state.ts';

const startLimitMs = 10_000;
const bridge = 'fabric';

/** The end of the link that leads from this machine to the fabric. */
export function machineLink({ id }: Pick<PlaygroundState, 'id'>): string {
  return `pg-${id}`;
}

/**
 * Makes the fabric: a bridge in a network namespace of its own, where the machine's packet filter
 * has no say, and a link from there to the machine. Returns the process that holds it.
 */
export async function startFabric(
  machine: PlaygroundMachine,
  state: PlaygroundState,
): Promise<number> {
  const pid = await machine.start({
    program: 'unshare',
    parameters: ['--net', 'sleep', 'infinity'],
    environment: { [idVariable]: state.id, [hostVariable]: fabricMark },
    logFile: placesOf(state.name).fabricLog,
  });
  const own = machine.namespaceOf('self', 'net');
  await until(machine, {
    look: () => (machine.namespaceOf(pid, 'net') === own ? undefined : pid),
    limitMs: startLimitMs,
    late: () => 'the network namespace of the fabric was not made in time',
  });
  const link = machineLink(state);
  const { prefixLength = 24 } = parseSubnet(state.subnet) ?? {};
  // Of a fabric before this one, which the kernel has not taken apart yet.
  await machine.run({ program: 'ip', parameters: ['link', 'delete', link] });
  await batch(machine, { pid }, [
    'link set lo up',
    `link add ${bridge} type bridge stp_state 0 forward_delay 0 mcast_snooping 0`,
    `link set ${bridge} up`,
  ]);
  await batch(machine, {}, [
    `link add ${link} type veth peer name ${machineName} netns ${pid}`,
    `address add ${state.machineAddress}/${prefixLength} dev ${link}`,
    `link set ${link} up`,
  ]);
  await plugIn(machine, { fabric: pid, port: machineName });
  await loadRules(machine, { pid, state });
  return pid;
}

/** Makes the kernel drop what the state says, and nothing else. */
export async function loadRules(
  machine: PlaygroundMachine,
  { pid, state }: { readonly pid: number; readonly state: PlaygroundState },
): Promise<void> {
  const input = renderFabricRules(state);
  await succeed(machine, onNetwork(pid, { program: 'nft', parameters: ['-f', '-'], input }));
}

/** Links a host that has power to the fabric, with the address that it always has. */
export async function connectHost(
  machine: PlaygroundMachine,
  link: {
    readonly state: PlaygroundState;
    readonly host: PlaygroundHost;
    readonly fabric: number;
    readonly firstPid: number;
  },
): Promise<void> {
  const { state, host, fabric, firstPid } = link;
  const { prefixLength = 24 } = parseSubnet(state.subnet) ?? {};
  await disconnectHost(machine, { host, fabric });
  await batch(machine, { pid: fabric }, [
    `link add ${host.name} type veth peer name eth0 address ${hardwareAddress(host)} ` +
      `netns ${firstPid}`,
  ]);
  await batch(machine, { pid: firstPid }, [
    'link set lo up',
    `address add ${host.address}/${prefixLength} dev eth0`,
    'link set eth0 up',
  ]);
  await plugIn(machine, { fabric, port: host.name });
}

/** Takes the link of a host away at once; the kernel would do that too, some time later. */
export async function disconnectHost(
  machine: PlaygroundMachine,
  { host, fabric }: { readonly host: PlaygroundHost; readonly fabric: number },
): Promise<void> {
  const parameters = ['link', 'delete', host.name];
  await machine.run(onNetwork(fabric, { program: 'ip', parameters }));
}

/** Neighbours remember it: a host that comes back has the same. */
function hardwareAddress({ address }: PlaygroundHost): string {
  const value = parseAddress(address) ?? 0;
  const bytes = [24, 16, 8, 0].map((shift) => (value >>> shift) & 0xff);
  return ['02', '74', ...bytes.map((byte) => byte.toString(16).padStart(2, '0'))].join(':');
}

async function plugIn(
  machine: PlaygroundMachine,
  { fabric, port }: { readonly fabric: number; readonly port: string },
): Promise<void> {
  await batch(machine, { pid: fabric }, [`link set ${port} master ${bridge} up`]);
}

async function batch(
  machine: PlaygroundMachine,
  { pid }: { readonly pid?: number },
  lines: readonly string[],
): Promise<void> {
  const call = { program: 'ip', parameters: ['-batch', '-'], input: `${lines.join('\n')}\n` };
  await succeed(machine, pid === undefined ? call : onNetwork(pid, call));
}
